package imaging

// reflectIndex maps an index beyond 0..n-1 into it as SciPy's mode "reflect"
// does: d c b a | a b c d | d c b a.
func reflectIndex(i, n int) int {
	period := 2 * n
	if i %= period; i < 0 {
		i += period
	}
	if i >= n {
		i = period - 1 - i
	}
	return i
}

// clampIndex maps an index beyond 0..n-1 to the nearest one within, SciPy's
// mode "nearest": a a a a | a b c d | d d d d.
func clampIndex(i, n int) int { return max(0, min(i, n-1)) }
