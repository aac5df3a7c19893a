package enums

// Closed is a vocabulary's type: a string type that knows its enumeration. The
// registry checks such values against it at both ends.
type Closed interface{ Vocabulary() *Enumeration }

// Vocabularies returns the closed vocabularies, in a fixed order.
func Vocabularies() []*Enumeration {
	var all []*Enumeration
	for _, v := range closed() {
		all = append(all, vocabulary(v.name))
	}
	return all
}

const vocabularyPrefix = "wellhouse.enums."

// interned is the intern table; see the package comment. The vocabularies and
// the microscopy components are in it before any other code runs, so that no
// one can define them otherwise.
var interned = newTable()

func newTable() *table {
	t := &table{enumerations: map[string]*Enumeration{}, components: map[string]*Components{}}
	for _, v := range closed() {
		e, err := newEnumeration(vocabularyPrefix+v.name, v.members)
		if err == nil {
			err = t.intern(&e)
		}
		if err != nil {
			panic(err) // a constant of this package is wrong
		}
	}
	if _, err := t.defineComponents(microscopy, microscopyComponents(), Well); err != nil {
		panic(err)
	}
	return t
}

type closedVocabulary struct {
	name    string
	members []string
}

func closed() []closedVocabulary {
	return []closedVocabulary{
		{"ExecutionStatus", names(ExecutionStatuses())},
		{"WellStatus", names(WellStatuses())},
		{"ExitReason", names(ExitReasons())},
		{"Phase", names(Phases())},
		{"ProgressStatus", names(ProgressStatuses())},
		{"Role", names(Roles())},
		{"Transport", names(Transports())},
		{"PixelType", names(PixelTypes())},
		{"LogLevel", names(LogLevels())},
	}
}

// vocabulary returns the enumeration of a closed vocabulary's type.
func vocabulary(name string) *Enumeration {
	interned.mutex.RLock()
	defer interned.mutex.RUnlock()
	return interned.enumerations[vocabularyPrefix+name]
}

func names[T ~string](members []T) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = string(m)
	}
	return out
}

func parse[T ~string](kind, s string, members []T) (T, error) {
	for _, m := range members {
		if string(m) == s {
			return m, nil
		}
	}
	return "", Unknown(kind, s, names(members))
}

func unmarshal[T any](into *T, text []byte, parse func(string) (T, error)) error {
	v, err := parse(string(text))
	if err != nil {
		return err
	}
	*into = v
	return nil
}
