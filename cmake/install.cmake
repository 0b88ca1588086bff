# The library, its headers and its package files: find_package(openset) gives openset::core and openset::torch.
include(CMakePackageConfigHelpers)

install(TARGETS openset_core openset_torch EXPORT openset-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/openset DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT openset-targets NAMESPACE openset:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openset)
configure_package_config_file(cmake/openset-config.cmake.in "${PROJECT_BINARY_DIR}/openset-config.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openset)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/openset-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/openset-config.cmake"
  "${PROJECT_BINARY_DIR}/openset-config-version.cmake"
  cmake/FindLibTorch.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openset)
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/openset)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
