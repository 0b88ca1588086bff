# cpack: .deb packages for Debian 12 (openset, libopenset-dev) and a tar.gz that runs wherever it is unpacked. scripts/package
# builds and tries them.
set(CPACK_PACKAGE_NAME openset)
set(CPACK_PACKAGE_VENDOR openset)
set(CPACK_PACKAGE_CONTACT "openset developers <developers@openset.invalid>")
if(DEFINED ENV{DEBEMAIL}) # as Debian's own tools name who packages
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "image classification that knows what it does not know")
set(CPACK_PACKAGE_DESCRIPTION
"Chains a gate, a species filter and a classifier (TorchScript networks) and
says of every picture what it is, or where and why it was rejected. OpenMax and
other detectors behind the classifier reject what it never learned. Tools to
train networks, fit detectors, choose thresholds and measure them.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_RESOURCE_FILE_README "${PROJECT_SOURCE_DIR}/README.md")
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_COMPONENTS_ALL runtime development)
string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" _system)
set(CPACK_PACKAGE_FILE_NAME "openset-${PROJECT_VERSION}-${_system}")

# The tar.gz holds both components below one folder.
set(CPACK_ARCHIVE_COMPONENT_INSTALL OFF)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME openset)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# LibTorch only recommends OpenBLAS; the reference BLAS is an order of magnitude slower.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS libopenblas0-pthread)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "python3-torchvision") # for export_torchvision.py
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libopenset-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# Static libraries: who links them links what they use. openset-torch alone needs libtorch-dev and libdnnl-dev, whose CMake file
# wants ocl-icd-opencl-dev.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libspdlog-dev, libjpeg62-turbo-dev, libpng-dev, libwebp-dev, libtiff-dev, libzip-dev, libarchive-dev, libssl-dev, libopencv-core-dev, libopencv-imgproc-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "libtorch-dev, libdnnl-dev, ocl-icd-opencl-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cmake, pkg-config")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"Headers, static libraries, CMake and pkg-config files of openset, a C++20
library for open-set image inference.")
# What Debian's policy wants otherwise than other places do.
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/debian_policy.cmake")
include(CPack)
