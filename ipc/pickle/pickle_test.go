package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	ogorek "github.com/kisielk/og-rek"
	"pgregory.net/rapid"
)

// p builds a pickle by hand, protocol 4.
func p(parts ...string) []byte {
	return []byte("\x80\x04" + strings.Join(parts, ""))
}

func TestPlainValues(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pickle []byte
		want   any
	}{
		"none":              {p("N."), nil},
		"true":              {p("\x88."), true},
		"byte":              {p("K\xff."), int64(255)},
		"two bytes":         {p("M\x00\x01."), int64(256)},
		"negative":          {p("J\xfe\xff\xff\xff."), int64(-2)},
		"long zero":         {p("\x8a\x00."), int64(0)},
		"long":              {p("\x8a\x05\x00\x00\x00\x00\x01."), int64(1 << 32)},
		"long negative":     {p("\x8a\x01\xff."), int64(-1)},
		"long least":        {p("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), int64(math.MinInt64)},
		"long of four":      {p("\x8b\x02\x00\x00\x00\xff\x7f."), int64(32767)},
		"float":             {p("G\x3f\xf8\x00\x00\x00\x00\x00\x00."), 1.5},
		"text":              {p("\x8c\x03\xc2\xb5m."), "µm"},
		"tuple is list":     {p("K\x01K\x02\x86."), []any{int64(1), int64(2)}},
		"marked tuple":      {p("(K\x01K\x02K\x03K\x04t."), []any{int64(1), int64(2), int64(3), int64(4)}},
		"empty tuple":       {p(")."), []any{}},
		"empty list":        {p("]."), []any{}},
		"append":            {p("]K\x01a."), []any{int64(1)}},
		"dict":              {p("}\x8c\x01aK\x01s."), map[string]any{"a": int64(1)}},
		"dict last wins":    {p("}(\x8c\x01aK\x01\x8c\x01aK\x02u."), map[string]any{"a": int64(2)}},
		"alias":             {p("](]\x94K\x01ah\x00e."), []any{[]any{int64(1)}, []any{int64(1)}}},
		"alias grows later": {p("](]\x94h\x00K\x01ae."), []any{[]any{int64(1)}, []any{int64(1)}}},
		"frame":             {p("\x95\x02\x00\x00\x00\x00\x00\x00\x00N."), nil},
		"two frames": {p("\x95\x01\x00\x00\x00\x00\x00\x00\x00]\x95\x03\x00\x00\x00\x00\x00\x00\x00K\x07a."),
			[]any{int64(7)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode(c.pickle)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("]", n) + strings.Repeat("a", n-1) }
	malformed := errors.New("malformed")
	cases := map[string]struct {
		pickle []byte
		want   error
	}{
		"empty":                {nil, malformed},
		"no protocol":          {[]byte("N."), malformed},
		"protocol 1":           {[]byte("\x80\x01N."), malformed},
		"protocol 6":           {[]byte("\x80\x06N."), malformed},
		"protocol twice":       {p("\x80\x04N."), malformed},
		"no stop":              {p("N"), malformed},
		"stop on nothing":      {p("."), malformed},
		"stop on two":          {p("NN."), malformed},
		"stop on a mark":       {p("N(."), malformed},
		"trailing byte":        {p("N.N"), malformed},
		"nested pickle":        {p("N.\x80\x04N."), malformed},
		"global":               {p("cos\nsystem\n."), ErrNotPlain},
		"stack global":         {p("\x8c\x02os\x8c\x06system\x93."), ErrNotPlain},
		"reduce":               {p("\x8c\x02os)R."), ErrNotPlain},
		"build":                {p("}}b."), ErrNotPlain},
		"inst":                 {p("(ios\nsystem\n."), ErrNotPlain},
		"object":               {p("(N)o."), ErrNotPlain},
		"newobj":               {p("N)\x81."), ErrNotPlain},
		"extension":            {p("\x82\x01."), ErrNotPlain},
		"persistent id":        {p("Pevil\n."), ErrNotPlain},
		"binary persistent id": {p("NQ."), ErrNotPlain},
		"text int":             {p("I1\n."), ErrNotPlain},
		"text long":            {p("L1L\n."), ErrNotPlain},
		"bytes":                {p("C\x01a."), ErrNotPlain},
		"set":                  {p("\x8f."), ErrNotPlain},
		"pop":                  {p("NN0."), ErrNotPlain},
		"no opcode":            {p("\xff."), malformed},
		"int key":              {p("}K\x01K\x01s."), ErrNotPlain},
		"tuple key":            {p("})K\x01s."), ErrNotPlain},
		"nan key":              {p("}G\x7f\xf8\x00\x00\x00\x00\x00\x00Ns."), ErrNotPlain},
		"odd items":            {p("}(\x8c\x01au."), malformed},
		"append to dict":       {p("}Na."), malformed},
		"append to nothing":    {p("Na."), malformed},
		"append across a mark": {p("](Na."), malformed},
		"setitem on list":      {p("]\x8c\x01aNs."), malformed},
		"appends, no mark":     {p("]e."), malformed},
		"tuple of too many":    {p("N\x87."), malformed},
		"memoize nothing":      {p("\x94N."), malformed},
		"memo gap":             {p("Nr\xff\xff\xff\xff."), malformed},
		"get nothing":          {p("h\x00."), malformed},
		"not UTF-8":            {p("\x8c\x01\xff."), malformed},
		"lone surrogate":       {p("\x8c\x03\xed\xa0\x80."), malformed},
		"cut text":             {p("\x8c\x05ab"), malformed},
		"huge text announced":  {p("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."), malformed},
		"1 GB announced":       {p("X\x00\x00\x00\x40abc."), malformed},
		"frame that lies":      {p("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), malformed},
		"long of nine bytes":   {p("\x8a\x09", strings.Repeat("\x01", 9), "."), ErrTooLarge},
		"giant long":           {p("\x8b\xff\xff\xff\x7f."), ErrTooLarge},
		"too deep":             {p(deep(MaxDepth+1), "."), ErrTooLarge},
		"a million deep":       {p(strings.Repeat("(", 1<<20)), ErrTooLarge},
		"deep tuple as key":    {p("}", ")", strings.Repeat("\x85", 1<<20), "Ns."), ErrTooLarge},
		"list in itself":       {p("]\x94h\x00a."), ErrTooLarge},
		"dict in itself":       {p("}\x94\x8c\x01ah\x00s."), ErrTooLarge},
		"too many values":      {p("](", strings.Repeat("N", MaxValues), "e."), ErrTooLarge},
		"too many memos":       {p("N", strings.Repeat("\x94", 1<<20), "."), ErrTooLarge},
		"too long":             {make([]byte, MaxSize+1), ErrTooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			got, err := Decode(c.pickle)
			if err == nil {
				t.Fatalf("accepted as %.100v", got)
			}
			if !errors.Is(c.want, malformed) && !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if errors.Is(c.want, malformed) && (errors.Is(err, ErrNotPlain) || errors.Is(err, ErrTooLarge)) {
				t.Fatalf("got %v, want something else", err)
			}
			if len(err.Error()) > 200 {
				t.Errorf("the error repeats the input: %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Each level is a pair of the one below: 2^40 values from 200 bytes, were
// aliases not counted.
func TestPickleBombIsRefused(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString(")\x94")
	for i := range 40 {
		fmt.Fprintf(&bomb, "h%c\x86\x94", i)
	}
	if _, err := Decode(p(bomb.String(), ".")); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want %v", err, ErrTooLarge)
	}
}

func TestLimitsAreReached(t *testing.T) {
	t.Parallel()
	if _, err := Decode(p("](", strings.Repeat("N", MaxValues-1), "e.")); err != nil {
		t.Errorf("as many values as allowed: %v", err)
	}
	if _, err := Decode(p(strings.Repeat("]", MaxDepth), strings.Repeat("a", MaxDepth-1), ".")); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	loop := map[string]any{}
	loop["self"] = loop
	for name, value := range map[string]any{
		"struct": struct{}{}, "bytes": []byte("a"), "unsigned": uint64(1),
		"cycle": loop, "inside": []any{map[string]any{"a": func() {}}},
	} {
		if _, err := Encode(value); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// plainValue draws what both encoders and Python can represent.
func plainValue() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any { return draw(t, 4) })
}

func draw(t *rapid.T, depth int) any {
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		items := make([]any, rapid.IntRange(0, 4).Draw(t, "length"))
		for i := range items {
			items[i] = draw(t, depth-1)
		}
		return items
	default:
		entries := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "size") {
			entries[rapid.String().Draw(t, "key")] = draw(t, depth-1)
		}
		return entries
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := plainValue().Draw(t, "value")
		data, err := Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, value) {
			t.Fatalf("got %#v, want %#v", got, value)
		}
		oracle, err := ogorek.NewDecoder(bytes.NewReader(data)).Decode()
		if err != nil {
			t.Fatalf("og-rek: %v", err)
		}
		if !reflect.DeepEqual(normal(oracle), value) {
			t.Fatalf("og-rek got %#v, want %#v", oracle, value)
		}
	})
}

// normal gives og-rek's value the types that Decode has.
func normal(value any) any {
	switch v := value.(type) {
	case ogorek.None:
		return nil
	case *big.Int: // every LONG1, also of few bytes
		return v.Int64()
	case ogorek.Tuple:
		return normal([]any(v))
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = normal(item)
		}
		return items
	case map[any]any:
		entries := make(map[string]any, len(v))
		for key, item := range v {
			name, ok := key.(string)
			if !ok {
				return fmt.Sprintf("a %T key", key)
			}
			entries[name] = normal(item)
		}
		return entries
	default:
		return v
	}
}

// What Decode accepts, og-rek must read as the same value, and it must
// survive being written again. Anything else must end in an error, in time.
func FuzzDecode(f *testing.F) {
	f.Add(p("}(\x8c\x04type\x8c\x04ping\x8c\x01nK\x05\x8c\x01l](G\x3f\xf8\x00\x00\x00\x00\x00\x00N\x88eu."))
	f.Add(p("](]\x94K\x01ah\x00e."))
	f.Add(p("cos\nsystem\n)R."))
	f.Add([]byte("\x80\x02}q\x00X\x04\x00\x00\x00typeq\x01X\x04\x00\x00\x00pingq\x02s."))
	f.Add([]byte("\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(value)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		// %#v and not DeepEqual, because NaN differs from itself.
		if fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", value) {
			t.Fatalf("round trip: got %#v, want %#v", back, value)
		}
		if bytes.ContainsAny(data, "hj") {
			return // og-rek copies a list that is remembered before it is filled
		}
		oracle, err := ogorek.NewDecoder(bytes.NewReader(data)).Decode()
		if err != nil {
			return // og-rek knows less (BINUNICODE8, huge frames …)
		}
		if got := normal(oracle); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", value) {
			t.Fatalf("og-rek reads %#v, not %#v", got, value)
		}
	})
}
