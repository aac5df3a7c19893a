package imaging

// radixSorter sorts up to 2^16 keys and tells where each came from. Its buffers
// are reused.
type radixSorter struct {
	keys, otherKeys   []uint32
	order, otherOrder []uint16
}

// reset returns n keys to fill in.
func (r *radixSorter) reset(n int) []uint32 {
	r.keys, r.otherKeys = sized(r.keys, n), sized(r.otherKeys, n)
	r.order, r.otherOrder = sized(r.order, n), sized(r.otherOrder, n)
	return r.keys
}

// sort returns the keys in order and their places in what was filled in; equal
// keys keep their order.
func (r *radixSorter) sort() ([]uint32, []uint16) {
	for i := range r.order {
		r.order[i] = uint16(i)
	}
	for shift := 0; shift < 32; shift += 8 {
		var place [256]int
		for _, key := range r.keys {
			place[key>>shift&255]++
		}
		if len(r.keys) > 0 && place[r.keys[0]>>shift&255] == len(r.keys) {
			continue // all alike in this digit
		}
		sum := 0
		for digit, n := range place {
			place[digit] = sum
			sum += n
		}
		for i, key := range r.keys {
			to := place[key>>shift&255]
			place[key>>shift&255]++
			r.otherKeys[to], r.otherOrder[to] = key, r.order[i]
		}
		r.keys, r.otherKeys = r.otherKeys, r.keys
		r.order, r.otherOrder = r.otherOrder, r.order
	}
	return r.keys, r.order
}
