#include "textflag.h"

// The plane masks of bytes of four codes.
#define MASKS(a, b, c, d) \
	MOVL $0x03030303, AX; VPBROADCASTD AX, a; \
	MOVL $0x0c0c0c0c, AX; VPBROADCASTD AX, b; \
	MOVL $0x30303030, AX; VPBROADCASTD AX, c; \
	MOVL $0xc0c0c0c0, AX; VPBROADCASTD AX, d

// K1 and K2 select the results of rows 0-15 and 16-31.
#define ROWMASK(at) \
	MOVL at, AX; KMOVW AX, K1; SHRL $16, AX; KMOVW AX, K2

// A plane is multiplied where it lies, so its products are 1, 4, 16 or 64 times as
// large and have sums of their own.
#define PLANE(x, mask, s0, s1) \
	VPANDD mask, Z28, Z30; VPDPBUSD x, Z30, s0; \
	VPANDD mask, Z29, Z31; VPDPBUSD x, Z31, s1

#define RESULT(s0, s1, s2, s3, from, mask) \
	VPSRAD $2, s1, s1; VPSRAD $4, s2, s2; VPSRAD $6, s3, s3; \
	VPADDD s1, s0, s0; VPADDD s3, s2, s2; VPADDD s2, s0, s0; \
	VPSUBD Z20, s0, s0; VCVTDQ2PS s0, s0; VMULPS Z21, s0, s0; VMULPS from(DX), s0, s0; \
	VMOVUPS s0, mask, from(DI)

// func vnniSingle(y *float32, tiles *tile, scales *float32, x *int8, steps, groups int, sum int32, scale float32, mask uint32)
TEXT ·vnniSingle(SB), NOSPLIT, $0-60
	MOVQ y+0(FP), DI
	MOVQ tiles+8(FP), SI
	MOVQ scales+16(FP), DX
	MOVQ x+24(FP), R8
	MOVQ steps+32(FP), R9
	MOVQ groups+40(FP), R10
	MOVL sum+48(FP), AX
	VPBROADCASTD AX, Z20
	VBROADCASTSS scale+52(FP), Z21
	ROWMASK(mask+56(FP))
	MASKS(Z16, Z17, Z18, Z19)

group:
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	MOVQ R8, BX
	MOVQ R9, CX

step:
	VMOVDQU32 (SI), Z28
	VMOVDQU32 64(SI), Z29
	PREFETCHT0 4096(SI) // weights come from memory, where pages end the processor's own guesses
	PREFETCHT0 4160(SI)
	VPBROADCASTD (BX), Z24
	VPBROADCASTD 4(BX), Z25
	VPBROADCASTD 8(BX), Z26
	VPBROADCASTD 12(BX), Z27
	PLANE(Z24, Z16, Z0, Z4)
	PLANE(Z25, Z17, Z1, Z5)
	PLANE(Z26, Z18, Z2, Z6)
	PLANE(Z27, Z19, Z3, Z7)
	ADDQ $128, SI
	ADDQ $16, BX
	DECQ CX
	JNZ step

	RESULT(Z0, Z1, Z2, Z3, 0, K1)
	RESULT(Z4, Z5, Z6, Z7, 64, K2)
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ R10
	JNZ group
	VZEROUPPER
	RET

// One row of activations: 16 columns are 4 double words, of which p is one.
#define ROW(x, s0, s1) \
	VPBROADCASTD x, Z21; VPDPBUSD Z21, Z19, s0; VPDPBUSD Z21, Z20, s1

#define ROWS(p) \
	VPANDD Z16, Z17, Z19; \
	VPANDD Z16, Z18, Z20; \
	ROW(p(R8), Z0, Z1); \
	ROW(p(R8)(R9*1), Z2, Z3); \
	ROW(p(R8)(R9*2), Z4, Z5); \
	ROW(p(R8)(R10*1), Z6, Z7); \
	ROW(p(R8)(R9*4), Z8, Z9); \
	ROW(p(R11), Z10, Z11); \
	ROW(p(R8)(R10*2), Z12, Z13); \
	ROW(p(R11)(R9*2), Z14, Z15)

// The results of row i, and the end after the last.
#define STORE(i, s0, s1) \
	VPSUBD.BCST (4*i)(R12), s0, s0; VPSUBD.BCST (4*i)(R12), s1, s1; \
	VCVTDQ2PS s0, s0; VCVTDQ2PS s1, s1; \
	VMULPS.BCST (4*i)(R13), s0, s0; VMULPS.BCST (4*i)(R13), s1, s1; \
	VMULPS Z17, s0, s0; VMULPS Z18, s1, s1; \
	VMOVUPS s0, K1, (DI); VMOVUPS s1, K2, 64(DI); \
	ADDQ BX, DI; DECQ CX; JZ done

// func vnniBatch(y *float32, rows int, tiles *tile, scales *float32, x *int8, stride, steps, n int, sums *int32, xscales *float32, mask uint32)
TEXT ·vnniBatch(SB), NOSPLIT, $0-84
	MOVQ y+0(FP), DI
	MOVQ rows+8(FP), BX
	SHLQ $2, BX
	MOVQ tiles+16(FP), SI
	MOVQ scales+24(FP), DX
	MOVQ x+32(FP), R8
	MOVQ stride+40(FP), R9
	LEAQ (R9)(R9*2), R10
	LEAQ (R9)(R9*4), R11
	ADDQ R8, R11
	MOVQ steps+48(FP), CX
	MOVQ sums+64(FP), R12
	MOVQ xscales+72(FP), R13
	ROWMASK(mask+80(FP))
	MOVL $0x03030303, AX
	VPBROADCASTD AX, Z16
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	VPXORD Z10, Z10, Z10
	VPXORD Z11, Z11, Z11
	VPXORD Z12, Z12, Z12
	VPXORD Z13, Z13, Z13
	VPXORD Z14, Z14, Z14
	VPXORD Z15, Z15, Z15

step:
	VMOVDQU32 (SI), Z17
	VMOVDQU32 64(SI), Z18
	ROWS(0)
	VPSRLD $2, Z17, Z17
	VPSRLD $2, Z18, Z18
	ROWS(4)
	VPSRLD $2, Z17, Z17
	VPSRLD $2, Z18, Z18
	ROWS(8)
	VPSRLD $2, Z17, Z17
	VPSRLD $2, Z18, Z18
	ROWS(12)
	ADDQ $128, SI
	ADDQ $16, R8
	ADDQ $16, R11
	DECQ CX
	JNZ step

	MOVQ n+56(FP), CX
	VMOVUPS (DX), Z17
	VMOVUPS 64(DX), Z18
	STORE(0, Z0, Z1)
	STORE(1, Z2, Z3)
	STORE(2, Z4, Z5)
	STORE(3, Z6, Z7)
	STORE(4, Z8, Z9)
	STORE(5, Z10, Z11)
	STORE(6, Z12, Z13)
	STORE(7, Z14, Z15)

done:
	VZEROUPPER
	RET

// Eight rows of a tile. The second and the fourth plane are multiplied where they
// lie once or shifted by four bits, and their products, four times as large, are shifted.
#define WORDS(at, s) \
	VMOVDQU at(SI), Y10; \
	VPAND Y4, Y10, Y11; VPMADDUBSW Y0, Y11, Y11; VPADDW Y11, s, s; \
	VPAND Y5, Y10, Y12; VPMADDUBSW Y1, Y12, Y12; \
	VPSRLW $4, Y10, Y10; \
	VPAND Y4, Y10, Y11; VPMADDUBSW Y2, Y11, Y11; VPADDW Y11, s, s; \
	VPAND Y5, Y10, Y10; VPMADDUBSW Y3, Y10, Y10; \
	VPADDW Y10, Y12, Y12; VPSRAW $2, Y12, Y12; VPADDW Y12, s, s

#define WIDEN(s, at) \
	VPMADDWD Y15, s, s; VPADDD at(SP), s, s; VMOVDQU s, at(SP); VPXOR s, s, s

#define RESULT8(at) \
	VMOVDQU at(SP), Y0; VPSUBD Y13, Y0, Y0; VCVTDQ2PS Y0, Y0; VMULPS Y14, Y0, Y0; \
	VMULPS at(DX), Y0, Y0; VMOVUPS Y0, at(DI)

// func avx2Single(y *[group]float32, tiles *tile, scales *float32, x *int8, steps, groups int, sum int32, scale float32)
TEXT ·avx2Single(SB), NOSPLIT, $128-56
	MOVQ y+0(FP), DI
	MOVQ tiles+8(FP), SI
	MOVQ scales+16(FP), DX
	MOVQ x+24(FP), R8
	MOVQ groups+40(FP), R10
	MOVL sum+48(FP), AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	VBROADCASTSS scale+52(FP), Y14
	MOVL $0x03030303, AX
	VMOVD AX, X4
	VPBROADCASTD X4, Y4
	VPSLLD $2, Y4, Y5
	MOVL $0x00010001, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
	VPXOR Y8, Y8, Y8
	VPXOR Y9, Y9, Y9

group:
	VMOVDQU Y6, (SP)
	VMOVDQU Y6, 32(SP)
	VMOVDQU Y6, 64(SP)
	VMOVDQU Y6, 96(SP)
	MOVQ R8, BX
	MOVQ steps+32(FP), R9

segment: // 16 steps add 16·4·508 < 2¹⁵ to a lane
	MOVQ R9, CX
	CMPQ CX, $16
	JLE short
	MOVQ $16, CX
short:
	SUBQ CX, R9

step:
	VPBROADCASTD (BX), Y0
	VPBROADCASTD 4(BX), Y1
	VPBROADCASTD 8(BX), Y2
	VPBROADCASTD 12(BX), Y3
	WORDS(0, Y6)
	WORDS(32, Y7)
	WORDS(64, Y8)
	WORDS(96, Y9)
	ADDQ $128, SI
	ADDQ $16, BX
	DECQ CX
	JNZ step

	WIDEN(Y6, 0)
	WIDEN(Y7, 32)
	WIDEN(Y8, 64)
	WIDEN(Y9, 96)
	TESTQ R9, R9
	JNZ segment

	RESULT8(0)
	RESULT8(32)
	RESULT8(64)
	RESULT8(96)
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ R10
	JNZ group
	VZEROUPPER
	RET

// func avx2AbsMax(x *float32, n int) (bits uint32)
// n is a multiple of 32 and not 0.
TEXT ·avx2AbsMax(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPCMPEQD Y4, Y4, Y4
	VPSRLD $1, Y4, Y4
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

values: // magnitudes order as whole numbers
	VPAND (SI), Y4, Y5
	VPAND 32(SI), Y4, Y6
	VPAND 64(SI), Y4, Y7
	VPAND 96(SI), Y4, Y8
	VPMAXUD Y5, Y0, Y0
	VPMAXUD Y6, Y1, Y1
	VPMAXUD Y7, Y2, Y2
	VPMAXUD Y8, Y3, Y3
	ADDQ $128, SI
	SUBQ $32, CX
	JNZ values

	VPMAXUD Y1, Y0, Y0
	VPMAXUD Y3, Y2, Y2
	VPMAXUD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD X0, AX
	MOVL AX, bits+16(FP)
	VZEROUPPER
	RET

DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000500000001
DATA order<>+16(SB)/8, $0x0000000600000002
DATA order<>+24(SB)/8, $0x0000000700000003
GLOBL order<>(SB), RODATA|NOPTR, $32

// func avx2Codes(q *int8, x *float32, n int, inv float32) (sum int32)
// n is a multiple of 32 and not 0. Whole numbers of this size are rounded to even.
TEXT ·avx2Codes(SB), NOSPLIT, $0-36
	MOVQ q+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS inv+24(FP), Y4
	VMOVDQU order<>(SB), Y5
	VPXOR Y6, Y6, Y6

values:
	VMULPS (SI), Y4, Y0
	VMULPS 32(SI), Y4, Y1
	VMULPS 64(SI), Y4, Y2
	VMULPS 96(SI), Y4, Y3
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VCVTPS2DQ Y2, Y2
	VCVTPS2DQ Y3, Y3
	VPADDD Y0, Y6, Y6
	VPADDD Y1, Y2, Y7
	VPADDD Y3, Y7, Y7
	VPADDD Y7, Y6, Y6
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0
	VPERMD Y0, Y5, Y0
	VMOVDQU Y0, (DI)
	ADDQ $128, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JNZ values

	VEXTRACTI128 $1, Y6, X1
	VPADDD X1, X6, X0
	VPSHUFD $0x4e, X0, X1
	VPADDD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPADDD X1, X0, X0
	VMOVD X0, AX
	MOVL AX, sum+32(FP)
	VZEROUPPER
	RET

// func signature() uint32
TEXT ·signature(SB), NOSPLIT, $0-4
	MOVL $1, AX
	XORL CX, CX
	CPUID
	MOVL AX, ret+0(FP)
	RET
