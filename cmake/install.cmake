# The library, its headers and its package files: find_package(openset) gives openset::core and openset::torch.
include(CMakePackageConfigHelpers)
set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/openset")

# Two exports, so that who wants openset::core alone needs no LibTorch.
foreach(_component core torch)
  install(TARGETS openset_${_component} EXPORT openset-${_component} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT openset-${_component} NAMESPACE openset:: DESTINATION ${_package})
endforeach()
install(DIRECTORY include/openset DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
configure_package_config_file(cmake/openset-config.cmake.in "${PROJECT_BINARY_DIR}/openset-config.cmake"
  INSTALL_DESTINATION ${_package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/openset-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/openset-config.cmake"
  "${PROJECT_BINARY_DIR}/openset-config-version.cmake"
  cmake/FindLibTorch.cmake
  cmake/FindOpenCV.cmake
  DESTINATION ${_package})
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/openset)
install(FILES LICENSE README.md HACKING.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
