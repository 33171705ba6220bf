@ make_size_image wrote these files.
    .syntax unified
    .section .rodata.image
    .global image_gwi, image_gwi_end, image_root, image_root_end
image_gwi:
    .incbin "image.gwi"
image_gwi_end:
image_root:
    .incbin "root.crt"
image_root_end:
    .balign 4
