# cmake -DOUT=interfaces.c -DFILES=a.varlink;b.varlink -DSYMBOLS=x;y -P embed.cmake
# Writes the texts as arrays: a string literal may have 4095 characters only (C11 5.2.4.1).
set(text "#include \"interfaces.h\"\n")
foreach(file symbol IN ZIP_LISTS FILES SYMBOLS)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
    get_filename_component(name ${file} NAME_WLE)
    string(APPEND text "\nstatic const char ${symbol}_text[] = {\n${bytes}0\n};\n"
        "const struct varlink_interface ${symbol} = { \"${name}\", ${symbol}_text };\n")
endforeach()
file(WRITE ${OUT} "${text}")
