# cmake --install: the program, the modules as static libraries, their headers, and letheConfig.cmake (target
# lethe::lethe). A oneDNN that was unpacked into the build folder goes along, under LIBDIR/lethe, where the program and
# the CMake config look for it; one of the system's stays where it is.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lethe)

get_target_property(dnnl_library DNNL::dnnl LOCATION)
string(FIND ${dnnl_library} ${CMAKE_SOURCE_DIR}/build/onednn dnnl_in_build)
if(dnnl_in_build EQUAL 0)
  install(DIRECTORY build/onednn/lib/ DESTINATION ${CMAKE_INSTALL_LIBDIR}/lethe USE_SOURCE_PERMISSIONS
          FILES_MATCHING PATTERN "libdnnl.so*" PATTERN cmake EXCLUDE)
  set(LETHE_OWN_DNNL ON)
else()
  set(LETHE_OWN_DNNL OFF)
endif()

file(RELATIVE_PATH lib_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(lethe_program PROPERTIES INSTALL_RPATH $ORIGIN/${lib_from_bin}/lethe)
install(TARGETS lethe_program)
install(TARGETS lethe EXPORT lethe)
install(DIRECTORY lethe/ DESTINATION include/lethe FILES_MATCHING PATTERN "*.h" PATTERN "*_testing.h" EXCLUDE)
install(EXPORT lethe NAMESPACE lethe:: FILE letheTargets.cmake DESTINATION ${config_dir})

configure_package_config_file(cmake/letheConfig.cmake.in ${CMAKE_BINARY_DIR}/letheConfig.cmake
                              INSTALL_DESTINATION ${config_dir} PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/letheConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/letheConfig.cmake ${CMAKE_BINARY_DIR}/letheConfigVersion.cmake
        DESTINATION ${config_dir})
