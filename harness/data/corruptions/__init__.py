"""Corruptions of test images: common ones at five severities, with published parameters. Needs no torch.

``corruption``   what a corruption is, all of them, and ``corrupt``
``noise``        Gaussian, shot, impulse and speckle noise
``blurs``        defocus, Gaussian, glass, motion and zoom blur
``tones``        brightness, contrast and saturation
``storage``      pixelation and JPEG compression
``shapes``       elastic deformation and fog, which are random fields
"""
