# Two components: `runtime`, all that users of the programs need (apps/ installs the programs and their manual), and `development`,
# the library: find_package(openset) gives openset::core and openset::torch, pkg-config openset-core and openset-torch.
include(CMakePackageConfigHelpers)
set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/openset")
set(_pkgconfig "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Two exports, so that who wants openset::core alone needs no LibTorch.
set(_targets_core openset_core)
set(_targets_torch openset_torch openset_engine)
foreach(_component core torch)
  install(TARGETS ${_targets_${_component}} EXPORT openset-${_component}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
  install(EXPORT openset-${_component} NAMESPACE openset:: DESTINATION ${_package} COMPONENT development)
endforeach()
install(DIRECTORY include/openset DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.hpp")
configure_package_config_file(cmake/openset-config.cmake.in "${PROJECT_BINARY_DIR}/openset-config.cmake"
  INSTALL_DESTINATION ${_package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/openset-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/openset-config.cmake"
  "${PROJECT_BINARY_DIR}/openset-config-version.cmake"
  cmake/FindLibTorch.cmake
  cmake/FindOpenCV.cmake
  DESTINATION ${_package} COMPONENT development)

# Relative to the .pc file itself, so that the tree may be moved.
file(RELATIVE_PATH _prefix_of_pc "${CMAKE_INSTALL_PREFIX}/${_pkgconfig}" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" _prefix_of_pc "${_prefix_of_pc}")
get_filename_component(_torch_folder "${LibTorch_CPU}" DIRECTORY)
set(_torch_place "")
if(NOT _torch_folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
  set(_torch_place "-L${_torch_folder} -Wl,-rpath,${_torch_folder} ")
endif()
foreach(_component core torch)
  configure_file(cmake/openset-${_component}.pc.in "${PROJECT_BINARY_DIR}/openset-${_component}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/openset-${_component}.pc" DESTINATION ${_pkgconfig} COMPONENT development)
endforeach()

# As in the source folder, so that configs/demo.json finds its networks in both.
set(_share "${CMAKE_INSTALL_DATADIR}/openset")
install(DIRECTORY configs DESTINATION ${_share} COMPONENT runtime)
install(DIRECTORY models samples DESTINATION ${_share} COMPONENT runtime OPTIONAL PATTERN make EXCLUDE)
install(PROGRAMS scripts/show-demo DESTINATION ${_share} COMPONENT runtime RENAME demo)
install(PROGRAMS scripts/export_torchvision.py DESTINATION ${_share} COMPONENT runtime)
install(FILES LICENSE README.md HACKING.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
