package ggml

import (
	"math"
)

// nearest rounds v ≥ low to nearest and keeps the result within [low, high].
func nearest(v float64, low, high int) int {
	return min(max(int(v-float64(low)+0.5)+low, low), high)
}

// fitAffine finds scale ≥ 0 and offset ≤ 0 such that scale·l + offset is near x for
// codes l from 0 to 15: of 21 scales around (max-min)/15 the codes are rounded, and
// for each the weighted least squares of scale and offset given the codes decide.
// Weights are √mean(x²) + |x|, so that large values count more.
func fitAffine(x []float32) (scale, offset float64) {
	low, high, squares := 0.0, 0.0, 0.0
	for i, v := range x {
		f := float64(v)
		if i == 0 || f > high {
			high = f
		}
		low, squares = min(low, f), squares+f*f
	}
	if high <= low {
		return 0, low
	}
	base, best := math.Sqrt(squares/float64(len(x))), math.Inf(1)
	for step := range 21 {
		if s, o, e := solveAffine(x, base, low, (14+0.1*float64(step))/(high-low)); e < best {
			scale, offset, best = s, o, e
		}
	}
	return scale, offset
}

// solveAffine is the least-squares scale and offset for the codes that the inverse of a
// scale gives, and their weighted squared error.
func solveAffine(x []float32, base, low, inverse float64) (scale, offset, squares float64) {
	var w, wx, wxx, wl, wll, wxl float64
	for _, v := range x {
		f := float64(v)
		weight, l := base+math.Abs(f), float64(nearest(inverse*(f-low), 0, 15))
		wf, wc := weight*f, weight*l
		w, wx, wxx, wl, wll, wxl = w+weight, wx+wf, wxx+wf*f, wl+wc, wll+wc*l, wxl+wf*l
	}
	scale, offset = 1/inverse, low
	if determinant := w*wll - wl*wl; determinant > 0 {
		scale, offset = (w*wxl-wx*wl)/determinant, (wll*wx-wl*wxl)/determinant
		if offset > 0 { // it has no sign in the file
			scale, offset = wxl/wll, 0
		}
	}
	return scale, offset, wxx + scale*(scale*wll-2*wxl) + offset*(offset*w-2*wx+2*scale*wl)
}

// sixBits are the scales and the negated offsets of the eight parts of a Q4_K block, of
// six bits each: the first four of both in whole bytes, and the others as low halves,
// with their upper two bits above those of the first.
type sixBits struct{ scale, offset [8]uint8 }

func (p *sixBits) put(dst []byte) {
	for j := range 4 {
		dst[j] = p.scale[j] | p.scale[j+4]>>4<<6
		dst[j+4] = p.offset[j] | p.offset[j+4]>>4<<6
		dst[j+8] = p.scale[j+4]&0xF | p.offset[j+4]&0xF<<4
	}
}

func (p *sixBits) get(src []byte) {
	for j := range 4 {
		p.scale[j], p.offset[j] = src[j]&63, src[j+4]&63
		p.scale[j+4] = src[j+8]&0xF | src[j]>>6<<4
		p.offset[j+4] = src[j+8]>>4 | src[j+4]>>6<<4
	}
}

func encodeQ4K(dst []byte, x []float32) error {
	if _, err := absMax(x); err != nil {
		return err
	}
	var scales, offsets [8]float64
	for j := range scales {
		var offset float64
		scales[j], offset = fitAffine(x[32*j : 32*(j+1)])
		offsets[j] = -offset
	}
	var p sixBits
	if err := sixBitParts(dst, p.scale[:], scales[:]); err != nil {
		return err
	}
	if err := sixBitParts(dst[2:], p.offset[:], offsets[:]); err != nil {
		return err
	}
	p.put(dst[4:16])
	d, low := getScale(dst), getScale(dst[2:])
	var codes [256]uint8
	for j := range scales {
		scale, offset := float64(d)*float64(p.scale[j]), float64(low)*float64(p.offset[j])
		for i := 32 * j; i < 32*(j+1) && scale > 0; i++ {
			codes[i] = uint8(nearest((float64(x[i])+offset)/scale, 0, 15))
		}
	}
	for part := range 4 {
		putHalves(dst[16+32*part:16+32*(part+1)], func(i int) uint8 { return codes[64*part+i] })
	}
	return nil
}

// sixBitParts writes the binary16 of the largest of v over 63, and codes in its steps.
func sixBitParts(scale []byte, codes []uint8, v []float64) error {
	top := 0.0
	for _, f := range v {
		top = max(top, f)
	}
	if _, err := putScale(scale, float32(top/63)); err != nil {
		return err
	}
	for j, f := range v {
		if top > 0 {
			codes[j] = uint8(nearest(63/top*f, 0, 63))
		}
	}
	return nil
}

func decodeQ4K(x []float32, src []byte) {
	d, low := getScale(src), getScale(src[2:])
	var p sixBits
	p.get(src[4:16])
	for part := range 4 {
		first, high := x[64*part:64*part+32], x[64*part+32:64*part+64]
		s, t := float32(d*float32(p.scale[2*part])), float32(d*float32(p.scale[2*part+1]))
		m, n := float32(low*float32(p.offset[2*part])), float32(low*float32(p.offset[2*part+1]))
		for i, b := range src[16+32*part : 16+32*(part+1)] {
			first[i] = float32(s*float32(b&0xF)) - m
			high[i] = float32(t*float32(b>>4)) - n
		}
	}
}

// fitSymmetric finds the scale such that scale·l is near x for codes l from -32 to 31,
// by the same search as fitAffine, with weights x².
func fitSymmetric(x []float32) (scale float64) {
	m := 0.0
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(m) {
			m = float64(v)
		}
	}
	best := 0.0
	for step := -9; step <= 9 && m != 0; step++ {
		inverse := -(32 + 0.1*float64(step)) / m
		var wxl, wll float64
		for _, v := range x {
			f := float64(v)
			l := float64(nearest(inverse*f, -32, 31))
			wxl, wll = wxl+f*f*(f*l), wll+f*f*(l*l)
		}
		if wll > 0 && wxl*wxl > best*wll { // what the fit takes off the squared error
			scale, best = wxl/wll, wxl*wxl/wll
		}
	}
	return scale
}

// six returns where value i of a Q6_K block lies: its low four bits in a half of a byte
// of the first 128, its upper two in a byte of the next 64.
func six(i int) (low, lowShift, high, highShift int) {
	half, quarter, k := i/128, i/32%4, i%32
	return 64*half + 32*(quarter%2) + k, 4 * (quarter / 2), 128 + 32*half + k, 2 * quarter
}

func encodeQ6K(dst []byte, x []float32) error {
	if _, err := absMax(x); err != nil {
		return err
	}
	clear(dst)
	var scales [16]float64
	m := 0.0
	for j := range scales {
		scales[j] = fitSymmetric(x[16*j : 16*(j+1)])
		if math.Abs(scales[j]) > math.Abs(m) {
			m = scales[j]
		}
	}
	if _, err := putScale(dst[208:], float32(-m/128)); err != nil {
		return err
	}
	d := float64(getScale(dst[208:]))
	for i, v := range x {
		code := 32
		if d != 0 {
			part := nearest(-128/m*scales[i/16], -128, 127)
			dst[192+i/16] = byte(int8(part))
			if part != 0 {
				code += nearest(float64(v)/(d*float64(part)), -32, 31)
			}
		}
		low, lowShift, high, highShift := six(i)
		dst[low] |= byte(code&0xF) << lowShift
		dst[high] |= byte(code>>4) << highShift
	}
	return nil
}

func decodeQ6K(x []float32, src []byte) {
	d := getScale(src[208:])
	for i := range x {
		low, lowShift, high, highShift := six(i)
		code := int(src[low]>>lowShift&0xF | src[high]>>highShift&3<<4)
		x[i] = float32(d*float32(int8(src[192+i/16]))) * float32(code-32)
	}
}
