"""Image files: one policy for every kind of them.

``decoding``         the policy: what each kind of file becomes
``opening``          which formats are read, and why a file is unreadable
``metadata_limits``  how much metadata is read around the pixels
``bit_depth``        images with more than 8 bits per sample
``jpeg``             JPEG files in less time than Pillow takes, to the same pixels
``fitting``          an image scaled, cropped or padded to the size that a network takes
"""
