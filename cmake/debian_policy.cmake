# Run by cpack on the files that go into a package: Debian wants man pages and changelogs compressed, the licence as
# `copyright`, and one folder of documentation for each package.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

function(openset_compress)
  execute_process(COMMAND gzip -9nf ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

get_filename_component(_project "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
string(TIMESTAMP _now "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, where that is set
foreach(_component runtime development)
  string(TOUPPER ${_component} _upper)
  set(_package "${CPACK_DEBIAN_${_upper}_PACKAGE_NAME}")
  set(_usr "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${_component}/usr")
  set(_doc "${_usr}/share/doc/${_package}")
  file(MAKE_DIRECTORY "${_doc}")
  file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/debian_copyright" "${_doc}/copyright")
  file(COPY_FILE "${_project}/CHANGELOG.md" "${_doc}/changelog")
  file(WRITE "${_doc}/changelog.Debian"
"openset (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=low

  * Made by cpack; changelog.gz beside this file says what changed.

 -- ${CPACK_PACKAGE_CONTACT}  ${_now}
")
  openset_compress("${_doc}/changelog" "${_doc}/changelog.Debian")
  file(REMOVE "${_doc}/LICENSE" "${_doc}/CHANGELOG.md")
  file(GLOB _pages "${_usr}/share/man/man1/*.1")
  if(_pages)
    openset_compress(${_pages})
  endif()
  # Where Debian's zsh looks; `openset completion zsh` reads the file where it is everywhere.
  if(EXISTS "${_usr}/share/zsh/site-functions/_openset")
    file(MAKE_DIRECTORY "${_usr}/share/zsh/vendor-completions")
    file(CREATE_LINK ../site-functions/_openset "${_usr}/share/zsh/vendor-completions/_openset" SYMBOLIC)
  endif()
endforeach()
