package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// axis maps values to a range of pixels, with ticks at round values.
type axis struct {
	lo, hi   float64 // values
	from, to float64 // pixels
	ticks    []float64
	scale    Scale
	log      bool
}

func (a axis) at(v float64) float64 {
	if a.log {
		return a.from + math.Log(v/a.lo)/math.Log(a.hi/a.lo)*(a.to-a.from)
	}
	return a.from + (v-a.lo)/(a.hi-a.lo)*(a.to-a.from)
}

// logSpan is the largest ratio that a logarithmic axis shows.
const logSpan = 1e9

// newLogAxis covers lo to hi, both above 0 and within logSpan of each other, with
// at most about n ticks at round values.
func newLogAxis(lo, hi float64, n int, scale Scale) axis {
	if hi < lo*1.2 {
		lo, hi = lo/1.1, hi*1.1
	}
	pad := math.Pow(hi/lo, 0.04)
	a := axis{lo: lo / pad, hi: hi * pad, scale: scale, log: true}
	for _, steps := range [][]float64{{1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9}, {1, 1.5, 2, 3, 4, 6, 8}, {1, 2, 5}, {1}} {
		a.ticks = nil
		for k := math.Floor(math.Log10(a.lo)); k <= math.Log10(a.hi); k++ {
			for _, m := range steps {
				if v := m * math.Pow(10, k); v >= a.lo && v <= a.hi {
					a.ticks = append(a.ticks, v)
				}
			}
		}
		if len(a.ticks) <= n {
			break
		}
	}
	return a
}

// newAxis covers lo to hi with about n ticks. It widens the range to whole steps
// when round is set.
func newAxis(lo, hi float64, n int, scale Scale, round bool) axis {
	switch size := max(math.Abs(lo), math.Abs(hi)); {
	case size == 0:
		hi = 1
	case hi-lo < 1e-9*size: // as good as one value
		lo, hi = lo-0.1*size, hi+0.1*size
	}
	step := stepOf((hi-lo)/float64(n), scale)
	if round {
		lo, hi = math.Floor(lo/step+1e-9)*step, math.Ceil(hi/step-1e-9)*step
	}
	if hi <= lo { // both within rounding of one step
		hi = lo + step
	}
	a := axis{lo: lo, hi: hi, scale: scale}
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+step*1e-9 && len(a.ticks) < 20; k++ {
		a.ticks = append(a.ticks, k*step+0) // + 0 turns -0 into 0
	}
	return a
}

// stepOf is the smallest round step that is not below x.
func stepOf(x float64, scale Scale) float64 {
	if x <= 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 1
	}
	if scale == Duration {
		for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
			if s >= x {
				return s
			}
		}
		return math.Ceil(x/86400) * 86400
	}
	if scale == Size { // 256M, 512M, 768M, 1G: no decimal step divides 1024
		return math.Exp2(math.Ceil(math.Log2(max(x, 1)) - 1e-12))
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if power*m >= x*(1-1e-12) {
			return power * m
		}
	}
	return power * 10
}

// label writes a value as on the axis.
func label(v float64, scale Scale) string {
	if v == 0 && scale != Percent {
		return "0"
	}
	switch scale {
	case Count:
		if math.Abs(v) >= 1000 || v == math.Trunc(v) {
			return count(v)
		}
	case Duration:
		return shortTime(v)
	case Size:
		return strings.NewReplacer("iB", "", " ", "").Replace(track.Bytes(int64(v)))
	case Percent:
		return trimZeros(strconv.FormatFloat(100*v, 'f', 1, 64)) + "%"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e6) {
		return trimExponent(strconv.FormatFloat(v, 'e', 2, 64))
	}
	return trimZeros(strconv.FormatFloat(v, 'f', 4, 64))
}

// shortTime writes seconds without the parts that are zero.
func shortTime(s float64) string {
	text := track.Clock(time.Duration(s * float64(time.Second)))
	for _, zero := range []string{"m00s", "h00m", "d00h"} {
		if strings.HasSuffix(text, zero) {
			return strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

func count(v float64) string {
	unit := 0
	for math.Abs(v) >= 1000 && unit < 4 {
		v /= 1000
		unit++
	}
	return trimZeros(strconv.FormatFloat(v, 'f', 2, 64)) + [...]string{"", "k", "M", "G", "T"}[unit]
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func trimExponent(s string) string {
	mantissa, exponent, _ := strings.Cut(s, "e")
	n, err := strconv.Atoi(exponent)
	if err != nil {
		return s
	}
	return fmt.Sprintf("%se%d", trimZeros(mantissa), n)
}
