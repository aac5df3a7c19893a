package loop

import (
	"bytes"
	"testing"
)

// Whatever comes, the reply finds its way back: the envelope starts with the
// identity and is what came before the payload; and what is taken for a
// request is the last frame and not empty.
func FuzzParse(f *testing.F) {
	f.Add([]byte("id||payload"), false)
	f.Add([]byte("id|payload"), false)
	f.Add([]byte("id|x|y||payload"), false)
	f.Add([]byte("id||"), false)
	f.Add([]byte("id|a|b|c|d|e|f|g"), true)
	f.Fuzz(func(t *testing.T, message []byte, cut bool) {
		parts := bytes.Split(message, []byte("|"))
		if len(parts) < 2 || len(parts) > maxParts {
			return // a ROUTER gives the identity and at least one part
		}
		to, payload, err := parse(parts, cut)
		if len(to) == 0 || len(to) > len(parts) {
			t.Fatalf("envelope %q of %q", to, parts)
		}
		for i := range to {
			if !bytes.Equal(to[i], parts[i]) {
				t.Fatalf("envelope %q of %q", to, parts)
			}
		}
		if err == nil && (cut || len(payload) == 0 || len(to)+1 != len(parts)) {
			t.Fatalf("%q was taken for the request %q", parts, payload)
		}
	})
}
