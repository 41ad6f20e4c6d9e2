"""What TensorFlow Lite's schema calls operators, and which settings the operators of an EfficientNet have."""

from __future__ import annotations

from typing import NamedTuple

CUSTOM = 32
# TensorFlow's BuiltinOperator, by number from 0.
_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""
NAMES = tuple(_NAMES.split())
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
FUSED = "fused_activation_function"
SAME, VALID = 0, 1


class Option(NamedTuple):
    """One setting of an operator: its name, field, kind as ``struct`` writes it, and default."""

    name: str
    field: int
    code: str
    default: float = 0


def _fused(field: int) -> Option:
    return Option(FUSED, field, "b")


_PADDING, _STRIDE_W, _STRIDE_H = Option("padding", 0, "b"), Option("stride_w", 1, "i"), Option("stride_h", 2, "i")

# Of an operator: which kind of options it has (BuiltinOptions), and the settings in these.
OPTIONS: dict[str, tuple[int, tuple[Option, ...]]] = {
    "CONV_2D": (
        1,
        (
            *(_PADDING, _STRIDE_W, _STRIDE_H, _fused(3)),
            *(Option("dilation_w_factor", 4, "i", 1), Option("dilation_h_factor", 5, "i", 1)),
        ),
    ),
    "DEPTHWISE_CONV_2D": (
        2,
        (
            *(_PADDING, _STRIDE_W, _STRIDE_H, Option("depth_multiplier", 3, "i"), _fused(4)),
            *(Option("dilation_w_factor", 5, "i", 1), Option("dilation_h_factor", 6, "i", 1)),
        ),
    ),
    "AVERAGE_POOL_2D": (
        5,
        (_PADDING, _STRIDE_W, _STRIDE_H, Option("filter_width", 3, "i"), Option("filter_height", 4, "i"), _fused(5)),
    ),
    "MAX_POOL_2D": (
        5,
        (_PADDING, _STRIDE_W, _STRIDE_H, Option("filter_width", 3, "i"), Option("filter_height", 4, "i"), _fused(5)),
    ),
    "FULLY_CONNECTED": (8, (_fused(0), Option("weights_format", 1, "b"), Option("keep_num_dims", 2, "B"))),
    "SOFTMAX": (9, (Option("beta", 0, "f"),)),
    "CONCATENATION": (10, (Option("axis", 0, "i"), _fused(1))),
    "ADD": (11, (_fused(0),)),
    "RESHAPE": (17, (Option("new_shape", 0, "vector"),)),
    "MUL": (21, (_fused(0),)),
    "MEAN": (27, (Option("keep_dims", 0, "B"),)),
    "REDUCE_MAX": (27, (Option("keep_dims", 0, "B"),)),
    "SUB": (28, (_fused(0),)),
    "DIV": (29, (_fused(0),)),
    "SQUEEZE": (30, (Option("squeeze_dims", 0, "vector"),)),
    "STRIDED_SLICE": (
        32,
        tuple(
            Option(f"{name}_mask", field, "i")
            for field, name in enumerate(("begin", "end", "ellipsis", "new_axis", "shrink_axis"))
        ),
    ),
    "PACK": (59, (Option("values_count", 0, "i"), Option("axis", 1, "i"))),
    "GELU": (116, (Option("approximate", 0, "B"),)),
}


def operator_name(number: int) -> str:
    """What the schema calls an operator.

    Examples
    --------
    >>> operator_name(3), operator_name(1000)
    ('CONV_2D', 'operator 1000')
    """
    return NAMES[number] if 0 <= number < len(NAMES) else f"operator {number}"
