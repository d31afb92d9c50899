# Installs Lethe into a temporary prefix, builds examples/embed against it, and lets it complete a prompt; then runs the
# installed program, which must find its libraries by itself.
set(work ${BUILD}/embed_test)
file(REMOVE_RECURSE ${work})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples/embed -B ${work}/build -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${work}/prefix)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/complete ${SOURCE}/tests/golden/models/llama --ids 1 2 3)
run(${work}/prefix/bin/lethe --version)
file(REMOVE_RECURSE ${work})
