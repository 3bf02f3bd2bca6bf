#include "textflag.h"

// The assembler does not know the instructions of AMX.
#define LDTILECFG_R14 BYTE $0xc4; BYTE $0xc2; BYTE $0x78; BYTE $0x49; BYTE $0x06                            // (R14)
#define TILEZERO0 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc0
#define TILEZERO1 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc8
#define TILELOAD2 BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x14; BYTE $0x08                    // (R8)(R9*1)
#define TILELOAD3 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x1c; BYTE $0x06                    // (SI)(AX*1)
#define TILELOAD4 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0xa4; BYTE $0x06; LONG $0x00000400  // 1024(SI)(AX*1)
#define TDPBSUD0 BYTE $0xc4; BYTE $0xe2; BYTE $0x62; BYTE $0x5e; BYTE $0xc2                                 // tile 0 += tile 2 · tile 3
#define TDPBSUD1 BYTE $0xc4; BYTE $0xe2; BYTE $0x5a; BYTE $0x5e; BYTE $0xca                                 // tile 1 += tile 2 · tile 4
#define TILESTORE0 BYTE $0xc4; BYTE $0x82; BYTE $0x7a; BYTE $0x4b; BYTE $0x44; BYTE $0x15; BYTE $0x00       // (R13)(R10*1)
#define TILESTORE1 BYTE $0xc4; BYTE $0x82; BYTE $0x7a; BYTE $0x4b; BYTE $0x4c; BYTE $0x15; BYTE $0x40       // 64(R13)(R10*1)
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

// A plane of two times 16 rows, and the next.
#define UNPACK(at) \
	VPANDD Z16, Z17, Z19; VPANDD Z16, Z18, Z20; \
	VMOVDQU32 Z19, at(DI); VMOVDQU32 Z20, (1024+at)(DI); \
	VPSRLD $2, Z17, Z17; VPSRLD $2, Z18, Z18

// func amxUnpack(panel *byte, tiles *tile, steps int)
// Every four tiles become two tiles of AMX: a row has four columns of 16 rows of weights.
TEXT ·amxUnpack(SB), NOSPLIT, $0-24
	MOVQ panel+0(FP), DI
	MOVQ tiles+8(FP), SI
	MOVQ steps+16(FP), CX
	MOVL $0x03030303, AX
	VPBROADCASTD AX, Z16

four:
	VMOVDQU32 (SI), Z17
	VMOVDQU32 64(SI), Z18
	UNPACK(0)
	UNPACK(64)
	UNPACK(128)
	UNPACK(192)
	VMOVDQU32 128(SI), Z17
	VMOVDQU32 192(SI), Z18
	UNPACK(256)
	UNPACK(320)
	UNPACK(384)
	UNPACK(448)
	VMOVDQU32 256(SI), Z17
	VMOVDQU32 320(SI), Z18
	UNPACK(512)
	UNPACK(576)
	UNPACK(640)
	UNPACK(704)
	VMOVDQU32 384(SI), Z17
	VMOVDQU32 448(SI), Z18
	UNPACK(768)
	UNPACK(832)
	UNPACK(896)
	UNPACK(960)
	ADDQ $512, SI
	ADDQ $2048, DI
	SUBQ $4, CX
	JNZ four
	VZEROUPPER
	RET

// func amxBatch(y *float32, rows int, panel *byte, scales *float32, x *int8, stride, lines, n int, sums *int32, xscales *float32, mask uint32, room *amxRoom)
// The configuration of the tiles belongs to the thread, so it lives for one call.
TEXT ·amxBatch(SB), NOSPLIT, $0-96
	MOVQ y+0(FP), DI
	MOVQ rows+8(FP), BX
	SHLQ $2, BX
	MOVQ scales+24(FP), DX
	MOVQ x+32(FP), R11
	MOVQ stride+40(FP), R9
	MOVQ sums+64(FP), R12
	MOVQ xscales+72(FP), R15
	MOVL mask+80(FP), AX
	KMOVW AX, K1
	SHRL $16, AX
	KMOVW AX, K2
	MOVQ room+88(FP), R13
	MOVQ R14, R8                         // what R14 and X15 are for belongs to Go
	LEAQ 2048(R13), R14
	LDTILECFG_R14
	MOVQ R8, R14
	VMOVUPS (DX), Z17
	VMOVUPS 64(DX), Z18
	MOVQ $128, R10
	MOVQ $64, AX
	MOVQ n+56(FP), DX

block:
	MOVQ R11, R8
	MOVQ panel+16(FP), SI
	MOVQ lines+48(FP), CX
	TILEZERO0
	TILEZERO1

line:
	TILELOAD2
	TILELOAD3
	TDPBSUD0
	TILELOAD4
	TDPBSUD1
	ADDQ $64, R8
	ADDQ $2048, SI
	DECQ CX
	JNZ line

	TILESTORE0
	TILESTORE1
	MOVQ R13, SI
	MOVQ $16, CX
	CMPQ DX, CX
	JGE row
	MOVQ DX, CX

row:
	VMOVDQU32 (SI), Z0
	VMOVDQU32 64(SI), Z1
	VPSUBD.BCST (R12), Z0, Z0
	VPSUBD.BCST (R12), Z1, Z1
	VCVTDQ2PS Z0, Z0
	VCVTDQ2PS Z1, Z1
	VMULPS.BCST (R15), Z0, Z0
	VMULPS.BCST (R15), Z1, Z1
	VMULPS Z17, Z0, Z0
	VMULPS Z18, Z1, Z1
	VMOVUPS Z0, K1, (DI)
	VMOVUPS Z1, K2, 64(DI)
	ADDQ $128, SI
	ADDQ $4, R12
	ADDQ $4, R15
	ADDQ BX, DI
	DECQ CX
	JNZ row

	MOVQ R9, R8
	SHLQ $4, R8
	ADDQ R8, R11
	SUBQ $16, DX
	JG block
	TILERELEASE
	VZEROUPPER
	RET
