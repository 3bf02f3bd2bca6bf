#include "textflag.h"

// The arguments, R10 of three strides and R11 the fifth row.
#define ARGUMENTS \
	MOVQ y+0(FP), DI; \
	MOVQ w+8(FP), SI; \
	MOVQ stride+16(FP), R9; \
	MOVQ x+24(FP), DX; \
	MOVQ n+32(FP), CX; \
	LEAQ (R9)(R9*2), R10; \
	LEAQ (R9)(R9*4), R11; \
	ADDQ SI, R11

// f for each of the eight rows, with its sums and another register.
#define ROWS(f) \
	f((SI), Z0, Z16, Y16); \
	f((SI)(R9*1), Z1, Z17, Y17); \
	f((SI)(R9*2), Z2, Z18, Y18); \
	f((SI)(R10*1), Z3, Z19, Y19); \
	f((SI)(R9*4), Z4, Z20, Y20); \
	f((R11), Z5, Z21, Y21); \
	f((SI)(R10*2), Z6, Z22, Y22); \
	f((R11)(R9*2), Z7, Z23, Y23)

// What the next eight rows have in these columns, to be brought to the second cache: the
// processor itself looks no further than the end of a page.
#define AHEAD \
	PREFETCHT1 (R12); \
	PREFETCHT1 (R12)(R9*1); \
	PREFETCHT1 (R12)(R9*2); \
	PREFETCHT1 (R12)(R10*1); \
	PREFETCHT1 (R12)(R9*4); \
	PREFETCHT1 (R13); \
	PREFETCHT1 (R12)(R10*2); \
	PREFETCHT1 (R13)(R9*2)

#define ZERO(at, s, t, u) VPXORD s, s, s
#define FLOAT32(at, s, t, u) VMULPS at, Z24, t; VADDPS t, s, s
#define FLOAT32TAIL(at, s, t, u) VMOVUPS.Z at, K1, t; VMULPS t, Z24, t; VADDPS t, s, s
#define BF16(at, s, t, u) VPMOVZXWD at, t; VPSLLD $16, t, t; VMULPS t, Z24, t; VADDPS t, s, s
#define BF16TAIL(at, s, t, u) VMOVDQU16.Z at, K1, u; VPMOVZXWD u, t; VPSLLD $16, t, t; VMULPS t, Z24, t; VADDPS t, s, s

// The last columns, of which CX are left.
#define TAIL \
	MOVL $-1, AX; \
	BZHIL CX, AX, AX; \
	KMOVD AX, K1; \
	VMOVUPS.Z (DX), K1, Z24

// Sixteen lanes become eight, and eight become four.
#define EIGHT(s, y) VEXTRACTF64X4 $1, s, Y24; VADDPS Y24, y, y
#define FOUR(y, x) VEXTRACTF128 $1, y, X12; VADDPS X12, x, x

// Four lanes each of four rows become the sums of the rows.
#define ONE(a, b, c, d, at) \
	VUNPCKLPD b, a, X12; VUNPCKHPD b, a, X13; VADDPS X13, X12, X12; \
	VUNPCKLPD d, c, X14; VUNPCKHPD d, c, X13; VADDPS X13, X14, X14; \
	VHADDPS X14, X12, X12; \
	VMOVUPS X12, at(DI)

#define SUMS \
	EIGHT(Z0, Y0); EIGHT(Z1, Y1); EIGHT(Z2, Y2); EIGHT(Z3, Y3); \
	EIGHT(Z4, Y4); EIGHT(Z5, Y5); EIGHT(Z6, Y6); EIGHT(Z7, Y7); \
	FOUR(Y0, X0); FOUR(Y1, X1); FOUR(Y2, X2); FOUR(Y3, X3); \
	FOUR(Y4, X4); FOUR(Y5, X5); FOUR(Y6, X6); FOUR(Y7, X7); \
	ONE(X0, X1, X2, X3, 0); \
	ONE(X4, X5, X6, X7, 16)

// func avx512Float32(y *[together]float32, w *float32, stride int, x *float32, n int)
TEXT ·avx512Float32(SB), NOSPLIT, $0-40
	ARGUMENTS
	LEAQ (SI)(R9*8), R12
	LEAQ (R11)(R9*8), R13
	ROWS(ZERO)
	SUBQ $16, CX
	JL   tail

columns:
	VMOVUPS (DX), Z24
	ROWS(FLOAT32)
	AHEAD
	ADDQ $64, DX
	ADDQ $64, SI
	ADDQ $64, R11
	ADDQ $64, R12
	ADDQ $64, R13
	SUBQ $16, CX
	JGE  columns

tail:
	ADDQ $16, CX
	JZ   sum
	TAIL
	ROWS(FLOAT32TAIL)

sum:
	SUMS
	VZEROUPPER
	RET

// func avx512BF16(y *[together]float32, w *uint16, stride int, x *float32, n int)
TEXT ·avx512BF16(SB), NOSPLIT, $0-40
	ARGUMENTS
	LEAQ (SI)(R9*8), R12
	LEAQ (R11)(R9*8), R13
	ROWS(ZERO)
	SUBQ $16, CX
	JL   tail

columns:
	VMOVUPS (DX), Z24
	ROWS(BF16)
	AHEAD
	ADDQ $64, DX
	ADDQ $32, SI
	ADDQ $32, R11
	ADDQ $32, R12
	ADDQ $32, R13
	SUBQ $16, CX
	JGE  columns

tail:
	ADDQ $16, CX
	JZ   sum
	TAIL
	ROWS(BF16TAIL)

sum:
	SUMS
	VZEROUPPER
	RET

// The same for two rows of activations, which share a load and a conversion.
#define ROWS2(f) \
	f((SI), Z0, Z8, Z16, Y16); \
	f((SI)(R9*1), Z1, Z9, Z17, Y17); \
	f((SI)(R9*2), Z2, Z10, Z18, Y18); \
	f((SI)(R10*1), Z3, Z11, Z19, Y19); \
	f((SI)(R9*4), Z4, Z12, Z20, Y20); \
	f((R11), Z5, Z13, Z21, Y21); \
	f((SI)(R10*2), Z6, Z14, Z22, Y22); \
	f((R11)(R9*2), Z7, Z15, Z23, Y23)

#define ZERO2(at, s, s2, t, u) VPXORD s, s, s; VPXORD s2, s2, s2
#define ADD2(s, s2, t) VMULPS t, Z24, Z26; VADDPS Z26, s, s; VMULPS t, Z25, Z27; VADDPS Z27, s2, s2
#define FLOAT32X2(at, s, s2, t, u) VMOVUPS at, t; ADD2(s, s2, t)
#define FLOAT32X2TAIL(at, s, s2, t, u) VMOVUPS.Z at, K1, t; ADD2(s, s2, t)
#define BF16X2(at, s, s2, t, u) VPMOVZXWD at, t; VPSLLD $16, t, t; ADD2(s, s2, t)
#define BF16X2TAIL(at, s, s2, t, u) VMOVDQU16.Z at, K1, u; VPMOVZXWD u, t; VPSLLD $16, t, t; ADD2(s, s2, t)

// The sums of the second row where those of the first were.
#define SECOND \
	VMOVAPS Z8, Z0; VMOVAPS Z9, Z1; VMOVAPS Z10, Z2; VMOVAPS Z11, Z3; \
	VMOVAPS Z16, Z4; VMOVAPS Z17, Z5; VMOVAPS Z18, Z6; VMOVAPS Z19, Z7

// func avx512Float32Two(y *[together]float32, w *float32, stride int, x *float32, n, width int)
TEXT ·avx512Float32Two(SB), NOSPLIT, $0-48
	ARGUMENTS
	LEAQ (SI)(R9*8), R12
	LEAQ (R11)(R9*8), R13
	LEAQ (DX)(CX*4), R8
	ROWS2(ZERO2)
	SUBQ $16, CX
	JL   tail

columns:
	VMOVUPS (DX), Z24
	VMOVUPS (R8), Z25
	ROWS2(FLOAT32X2)
	AHEAD
	ADDQ $64, DX
	ADDQ $64, R8
	ADDQ $64, SI
	ADDQ $64, R11
	ADDQ $64, R12
	ADDQ $64, R13
	SUBQ $16, CX
	JGE  columns

tail:
	ADDQ $16, CX
	JZ   sum
	TAIL
	VMOVUPS.Z (R8), K1, Z25
	ROWS2(FLOAT32X2TAIL)

sum:
	VMOVAPS Z12, Z16 // what the sums use
	VMOVAPS Z13, Z17
	VMOVAPS Z14, Z18
	VMOVAPS Z15, Z19
	SUMS
	SECOND
	MOVQ width+40(FP), AX
	LEAQ (DI)(AX*4), DI
	SUMS
	VZEROUPPER
	RET

// func avx512BF16Two(y *[together]float32, w *uint16, stride int, x *float32, n, width int)
TEXT ·avx512BF16Two(SB), NOSPLIT, $0-48
	ARGUMENTS
	LEAQ (SI)(R9*8), R12
	LEAQ (R11)(R9*8), R13
	LEAQ (DX)(CX*4), R8
	ROWS2(ZERO2)
	SUBQ $16, CX
	JL   tail

columns:
	VMOVUPS (DX), Z24
	VMOVUPS (R8), Z25
	ROWS2(BF16X2)
	AHEAD
	ADDQ $64, DX
	ADDQ $64, R8
	ADDQ $32, SI
	ADDQ $32, R11
	ADDQ $32, R12
	ADDQ $32, R13
	SUBQ $16, CX
	JGE  columns

tail:
	ADDQ $16, CX
	JZ   sum
	TAIL
	VMOVUPS.Z (R8), K1, Z25
	ROWS2(BF16X2TAIL)

sum:
	VMOVAPS Z12, Z16 // what the sums use
	VMOVAPS Z13, Z17
	VMOVAPS Z14, Z18
	VMOVAPS Z15, Z19
	SUMS
	SECOND
	MOVQ width+40(FP), AX
	LEAQ (DI)(AX*4), DI
	SUMS
	VZEROUPPER
	RET

// The same for four rows in registers of 256 bits: two for each row.
#define FOURROWS(f) \
	f(0(SI), 32(SI), 16(SI), Y0, Y1); \
	f(0(SI)(R9*1), 32(SI)(R9*1), 16(SI)(R9*1), Y2, Y3); \
	f(0(SI)(R9*2), 32(SI)(R9*2), 16(SI)(R9*2), Y4, Y5); \
	f(0(SI)(R10*1), 32(SI)(R10*1), 16(SI)(R10*1), Y6, Y7)

#define ZERO4(at, to, half, s, t) VPXOR s, s, s; VPXOR t, t, t
#define ADD4(s, t) VMULPS Y10, Y8, Y10; VADDPS Y10, s, s; VMULPS Y11, Y9, Y11; VADDPS Y11, t, t
#define FLOAT32X4(at, to, half, s, t) VMOVUPS at, Y10; VMOVUPS to, Y11; ADD4(s, t)
#define FLOAT32TAIL4(at, to, half, s, t) VMASKMOVPS at, Y12, Y10; VMASKMOVPS to, Y13, Y11; ADD4(s, t)
#define BF16X4(at, to, half, s, t) \
	VPMOVZXWD at, Y10; VPMOVZXWD half, Y11; VPSLLD $16, Y10, Y10; VPSLLD $16, Y11, Y11; ADD4(s, t)

#define SUMS4 \
	VADDPS Y1, Y0, Y0; VADDPS Y3, Y2, Y2; VADDPS Y5, Y4, Y4; VADDPS Y7, Y6, Y6; \
	FOUR(Y0, X0); FOUR(Y2, X2); FOUR(Y4, X4); FOUR(Y6, X6); \
	ONE(X0, X2, X4, X6, 0)

// The next four rows, as often as BX says.
#define NEXT \
	MOVQ w+8(FP), SI; \
	LEAQ (SI)(R9*4), SI; \
	MOVQ x+24(FP), DX; \
	MOVQ n+32(FP), CX; \
	ADDQ $16, DI; \
	DECQ BX

DATA masks<>+0(SB)/8, $0xffffffffffffffff
DATA masks<>+8(SB)/8, $0xffffffffffffffff
DATA masks<>+16(SB)/8, $0xffffffffffffffff
DATA masks<>+24(SB)/8, $0xffffffffffffffff
DATA masks<>+32(SB)/8, $0xffffffffffffffff
DATA masks<>+40(SB)/8, $0xffffffffffffffff
DATA masks<>+48(SB)/8, $0xffffffffffffffff
DATA masks<>+56(SB)/8, $0xffffffffffffffff
DATA masks<>+64(SB)/8, $0
DATA masks<>+72(SB)/8, $0
DATA masks<>+80(SB)/8, $0
DATA masks<>+88(SB)/8, $0
DATA masks<>+96(SB)/8, $0
DATA masks<>+104(SB)/8, $0
DATA masks<>+112(SB)/8, $0
DATA masks<>+120(SB)/8, $0
GLOBL masks<>(SB), RODATA|NOPTR, $128

// func avx2Float32(y *[together]float32, w *float32, stride int, x *float32, n int)
TEXT ·avx2Float32(SB), NOSPLIT, $0-40
	ARGUMENTS
	MOVQ $2, BX

rows:
	FOURROWS(ZERO4)
	SUBQ $16, CX
	JL   tail

columns:
	VMOVUPS (DX), Y8
	VMOVUPS 32(DX), Y9
	FOURROWS(FLOAT32X4)
	ADDQ $64, DX
	ADDQ $64, SI
	SUBQ $16, CX
	JGE  columns

tail:
	ADDQ $16, CX
	JZ   sum
	LEAQ masks<>(SB), AX
	NEGQ CX
	VMOVDQU 64(AX)(CX*4), Y12
	VMOVDQU 96(AX)(CX*4), Y13
	VMASKMOVPS (DX), Y12, Y8
	VMASKMOVPS 32(DX), Y13, Y9
	FOURROWS(FLOAT32TAIL4)

sum:
	SUMS4
	NEXT
	JNZ rows
	VZEROUPPER
	RET

// func avx2WholeBF16(y *[together]float32, w *uint16, stride int, x *float32, n int)
// n is a multiple of 16.
TEXT ·avx2WholeBF16(SB), NOSPLIT, $0-40
	ARGUMENTS
	MOVQ $2, BX

rows:
	FOURROWS(ZERO4)

columns:
	VMOVUPS (DX), Y8
	VMOVUPS 32(DX), Y9
	FOURROWS(BF16X4)
	ADDQ $64, DX
	ADDQ $32, SI
	SUBQ $16, CX
	JNZ  columns

	SUMS4
	NEXT
	JNZ rows
	VZEROUPPER
	RET

// func avx2AddScaled(y, x *float32, n int, s float32)
TEXT ·avx2AddScaled(SB), NOSPLIT, $0-28
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS s+24(FP), Y0
	SUBQ $8, CX
	JL   tail

values:
	VMULPS (SI), Y0, Y1
	VADDPS (DI), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JGE  values

tail:
	ADDQ $8, CX
	JZ   done

value:
	VMULSS (SI), X0, X1
	VADDSS (DI), X1, X1
	VMOVSS X1, (DI)
	ADDQ $4, SI
	ADDQ $4, DI
	DECQ CX
	JNZ  value

done:
	VZEROUPPER
	RET
