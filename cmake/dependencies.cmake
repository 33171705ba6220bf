# Debian 12 packages; why each one: ARCHITECTURE.md, Dependencies.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(LIBCURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(SERIALPORT REQUIRED IMPORTED_TARGET libserialport)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)

# Debian's mbedTLS 2.28 has no pkg-config file. -DMBEDTLS_ROOT=DIR picks another build (3.6).
find_path(MBEDTLS_INCLUDE_DIR mbedtls/ecdsa.h HINTS ${MBEDTLS_ROOT}/include REQUIRED)
find_library(MBEDCRYPTO_LIBRARY mbedcrypto HINTS ${MBEDTLS_ROOT}/lib ${MBEDTLS_ROOT}/library REQUIRED)
add_library(mbedcrypto INTERFACE)
target_include_directories(mbedcrypto SYSTEM INTERFACE ${MBEDTLS_INCLUDE_DIR})
target_link_libraries(mbedcrypto INTERFACE ${MBEDCRYPTO_LIBRARY})
