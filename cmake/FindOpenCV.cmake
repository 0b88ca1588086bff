# Finds the OpenCV modules named as COMPONENTS. Debian ships OpenCVConfig.cmake only in libopencv-dev, which pulls in the
# whole of OpenCV; the small -dev packages have just headers and libraries.

find_path(OpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4)
set(_required OpenCV_INCLUDE_DIR)
foreach(_component IN LISTS OpenCV_FIND_COMPONENTS)
  find_library(OpenCV_${_component}_LIBRARY opencv_${_component})
  list(APPEND _required OpenCV_${_component}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCV REQUIRED_VARS ${_required})

if(OpenCV_FOUND)
  foreach(_component IN LISTS OpenCV_FIND_COMPONENTS)
    if(NOT TARGET OpenCV::${_component})
      add_library(OpenCV::${_component} SHARED IMPORTED)
      set_target_properties(OpenCV::${_component} PROPERTIES IMPORTED_LOCATION "${OpenCV_${_component}_LIBRARY}")
      target_include_directories(OpenCV::${_component} SYSTEM INTERFACE "${OpenCV_INCLUDE_DIR}")
    endif()
  endforeach()
endif()
