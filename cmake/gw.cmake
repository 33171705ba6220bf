# gw_library(NAME SOURCES a.c b.c [USES target...] [PRIVATE_USES target...])
# gw_program(NAME SOURCES a.c [USES target...] [INSTALL_TO dir])
# gw_test(NAME SOURCES a.c [USES target...] [LABELS unit])
#
# Each library exports its own folder as its only include folder. USES = its headers show these
# targets; PRIVATE_USES = only its .c files do.

add_library(gw_flags INTERFACE)
target_compile_options(gw_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Werror -fno-common)
target_compile_definitions(gw_flags INTERFACE _GNU_SOURCE GW_VERSION="${PROJECT_VERSION}")

if(GW_SANITIZE OR GW_FUZZ)
    target_compile_options(gw_flags INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(gw_flags INTERFACE -fsanitize=address,undefined)
else()
    target_compile_options(gw_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection -fPIE
        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
    include(CheckCCompilerFlag)
    check_c_compiler_flag(-fcf-protection GW_HAS_CF_PROTECTION)
    if(GW_HAS_CF_PROTECTION)
        target_compile_options(gw_flags INTERFACE -fcf-protection)
    endif()
    target_link_options(gw_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(GW_FUZZ)
    target_compile_options(gw_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(gw_library name)
    cmake_parse_arguments(A "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${A_USES} PRIVATE gw_flags ${A_PRIVATE_USES})
endfunction()

function(gw_program name)
    cmake_parse_arguments(A "" "INSTALL_TO" "SOURCES;USES" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE gw_flags ${A_USES})
    if(A_INSTALL_TO)
        install(TARGETS ${name} DESTINATION ${A_INSTALL_TO})
    endif()
endfunction()

function(gw_test name)
    cmake_parse_arguments(A "" "" "SOURCES;USES;LABELS;ARGS" ${ARGN})
    if(NOT BUILD_TESTING)
        return()
    endif()
    add_executable(${name} ${A_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE gw_flags ${A_USES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name} ${A_ARGS})
    if(NOT A_LABELS)
        set(A_LABELS unit)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 600)
endfunction()

# gw_fuzz(NAME SOURCES fuzz_x.c USES target...): a libFuzzer program when GW_FUZZ is on; otherwise
# the same source replays the seed corpus tests/fuzz/corpus/NAME under ctest.
function(gw_fuzz name)
    cmake_parse_arguments(A "" "" "SOURCES;USES" ${ARGN})
    if(NOT BUILD_TESTING)
        return()
    endif()
    set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    if(GW_FUZZ)
        add_executable(${name} ${A_SOURCES})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        add_test(NAME ${name} COMMAND ${name} -runs=0 ${corpus})
    else()
        add_executable(${name} ${A_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME ${name} COMMAND ${name} ${corpus})
    endif()
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE gw_flags ${A_USES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 600)
endfunction()

# gw_pytest(NAME tests/e2e/test_x.py LABEL): one ctest entry for one pytest file. The interpreter is
# Debian's, which has the distribution's python3-pytest.
function(gw_pytest name script label)
    if(NOT BUILD_TESTING)
        return()
    endif()
    add_test(NAME ${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
             -c ${CMAKE_SOURCE_DIR}/tests/pytest.ini ${CMAKE_SOURCE_DIR}/${script})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600
                         ENVIRONMENT
        "GW_BUILD=${CMAKE_BINARY_DIR};GW_PEERS=${CMAKE_SOURCE_DIR}/build/peers;PYTHONDONTWRITEBYTECODE=1")
endfunction()
