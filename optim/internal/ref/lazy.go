package ref

// Lazy is when one matrix renews its subspace (arXiv:2407.08296, section 3.2):
// every so many updates, and half as often after so many refreshes in a row that
// changed little. The first refresh is that of the first update; Phase is the
// place of the others.
type Lazy struct {
	Every, Times, Phase int
	Threshold           float64

	Next, Doublings, Streak int
}

// Due reports whether the update with the given number, from 1, has a refresh.
func (l *Lazy) Due(count int) bool { return count == 1 || count == l.Next }

// Refreshed says which bases a refresh exchanged, one for each axis.
func (l *Lazy) Refreshed(count int, old, fresh []Matrix) {
	if count == 1 {
		l.Next = 1 + l.Phase
		if l.Phase == 0 {
			l.Next = 1 + l.Every
		}
		return
	}
	l.Streak++
	for i := range old {
		if Excess(old[i], fresh[i]) < l.Threshold {
			l.Streak = 0
		}
	}
	if l.Streak == l.Times {
		l.Streak = 0
		l.Doublings++
	}
	period := l.Every
	for range l.Doublings {
		period *= 2
	}
	l.Next = count + period
}

// Excess is how much more two orthonormal bases [side, r] have in common than
// random ones: o = ‖AᵀB‖²/r is r/side for these, which becomes 0, and 1 for bases
// of the same subspace, which stays 1.
func Excess(a, b Matrix) float64 {
	if a.Rows == a.Cols {
		return 1
	}
	norm, chance := Norm(a.T().Mul(b).Data), float64(a.Cols)/float64(a.Rows)
	return (norm*norm/float64(a.Cols) - chance) / (1 - chance)
}
