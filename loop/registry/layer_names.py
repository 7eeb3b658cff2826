"""
The classes that a detector's checkpoint may consist of: layers of ultralytics and torch, by exact name. Pure.

The list has all classes of the installed versions except TorchVision, which downloads weights when it is built. A test
fails when a new version has others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

ULTRALYTICS = {
    "activation": "AGLU",
    "block": (
        "A2C2f AAttn ABlock AConv ADown Attention BNContrastiveHead Bottleneck BottleneckCSP C1 C2 C2PSA C2f "
        "C2fAttn C2fCIB C2fPSA C3 C3Ghost C3TR C3f C3k C3k2 C3x CBFuse CBLinear CIB ContrastiveHead DFL ELAN1 "
        "GhostBottleneck HGBlock HGStem ImagePoolingAttn MaxSigmoidAttnBlock PSA PSABlock Proto Proto26 "
        "RealNVP RepBottleneck RepC3 RepCSP RepNCSPELAN4 RepVGGDW ResNetBlock ResNetLayer Residual SAVPE "
        "SCDown SPP SPPELAN SPPF SwiGLUFFN"
    ),
    "conv": (
        "CBAM ChannelAttention Concat Conv Conv2 ConvTranspose DWConv DWConvTranspose2d Focus GhostConv Index "
        "LightConv RepConv SpatialAttention"
    ),
    "head": (
        "Classify Depth Detect LRPCHead OBB OBB26 Pose Pose26 RTDETRDecoder Segment Segment26 SemanticSegment "
        "WorldDetect YOLOEDetect YOLOESegment YOLOESegment26 v10Detect"
    ),
    "transformer": (
        "AIFI DeformableTransformerDecoder DeformableTransformerDecoderLayer LayerNorm2d MLP MLPBlock "
        "MSDeformAttn TransformerBlock TransformerEncoderLayer TransformerLayer"
    ),
}
TORCH = {
    "activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
        "Softshrink Softsign Tanh Tanhshrink Threshold"
    ),
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "linear": "Bilinear Identity Linear NonDynamicallyQuantizableLinear",
    "normalization": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d "
        "ZeroPad2d ZeroPad3d"
    ),
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
        "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d "
        "LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"
    ),
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}

FURTHER = {
    "ultralytics.nn.tasks": "DetectionModel YOLOv10DetectionModel WorldModel",
    "ultralytics.nn.modules.block": "Silence",  # of YOLOv9e
    "ultralytics.utils.loss": "v8DetectionLoss v10DetectLoss E2EDetectLoss E2ELoss BboxLoss DFLoss",
    "ultralytics.utils.tal": "TaskAlignedAssigner",
    "torch.nn.modules.loss": "BCEWithLogitsLoss",
}


def _names(root: str, table: Mapping[str, str]) -> Iterator[str]:
    """Yield names as pickletools gives them: module and class with a space between."""
    for module, classes in table.items():
        yield from (f"{root}{module} {name}" for name in classes.split())


OF_ULTRALYTICS = frozenset(name for classes in ULTRALYTICS.values() for name in classes.split())
LAYERS = frozenset(
    {
        *_names("ultralytics.nn.modules.", ULTRALYTICS),
        *(
            f"ultralytics.nn.modules {name}" for name in OF_ULTRALYTICS
        ),  # of ultralytics 8.0, which had them in one file
        *_names("torch.nn.modules.", TORCH),
        *_names("", FURTHER),
    }
)
