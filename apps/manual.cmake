# Man pages and completions, made by the programs themselves. They lie in the build as they will be installed, so that
# `openset completion` finds them in both.
get_filename_component(_share "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${_share_folder}" ABSOLUTE)
set(_parts "${CMAKE_CURRENT_BINARY_DIR}/completion")
file(MAKE_DIRECTORY "${_parts}" "${_share}/man/man1" "${_share}/bash-completion/completions" "${_share}/zsh/site-functions"
  "${_share}/fish/vendor_completions.d")

get_property(_programs GLOBAL PROPERTY OPENSET_PROGRAMS)
list(JOIN _programs " " _words)
set(_parts_bash)
set(_parts_zsh "${_parts}/head.zsh") # zsh looks at a function's first line for the names of the programs
set(_parts_fish)
file(GENERATE OUTPUT "${_parts}/head.zsh" CONTENT "#compdef ${_words}\n")

set(_made)
foreach(_program IN LISTS _programs)
  set(_page "${_share}/man/man1/${_program}.1")
  set(_outputs "${_page}")
  set(_commands COMMAND ${_program} --generate man > "${_page}")
  foreach(_shell IN ITEMS bash zsh fish)
    set(_part "${_parts}/${_program}.${_shell}")
    list(APPEND _parts_${_shell} "${_part}")
    list(APPEND _outputs "${_part}")
    list(APPEND _commands COMMAND ${_program} --generate ${_shell} > "${_part}")
  endforeach()
  add_custom_command(OUTPUT ${_outputs} ${_commands} DEPENDS ${_program} VERBATIM
    COMMENT "Man page and completions of ${_program}")
  list(APPEND _made "${_page}")
  install(FILES "${_page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT runtime)
endforeach()

#   openset_join_completion(shell file): the parts, in order
function(openset_join_completion shell file)
  add_custom_command(OUTPUT "${file}" COMMAND ${CMAKE_COMMAND} -E cat ${_parts_${shell}} > "${file}"
    DEPENDS ${_parts_${shell}} VERBATIM COMMENT "Completions for ${shell}")
  list(APPEND _made "${file}")
  set(_made "${_made}" PARENT_SCOPE)
endfunction()
set(_bash "${_share}/bash-completion/completions/openset")
set(_zsh "${_share}/zsh/site-functions/_openset")
set(_fish "${_share}/fish/vendor_completions.d/openset.fish")
openset_join_completion(bash "${_bash}")
openset_join_completion(zsh "${_zsh}")
openset_join_completion(fish "${_fish}")
add_custom_target(openset_manual ALL DEPENDS ${_made})

install(FILES "${_zsh}" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT runtime)
# bash and fish load a file by the name of the program that is being typed.
foreach(_program IN LISTS _programs)
  install(FILES "${_bash}" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME ${_program} COMPONENT runtime)
  install(FILES "${_fish}" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" RENAME ${_program}.fish COMPONENT runtime)
endforeach()
