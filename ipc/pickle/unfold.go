package pickle

import "fmt"

// unfold copies what the machine built into a tree. Aliases are copied and
// counted wherever they are used, so a cycle ends at the limit of depth and
// a pickle bomb at the limit of values.
func unfold(value any, depth int, values *int) (any, error) {
	if *values++; *values > MaxValues {
		return nil, fmt.Errorf("%w: more than %d values", ErrTooLarge, MaxValues)
	}
	switch v := value.(type) {
	case *list:
		if depth >= MaxDepth {
			return nil, errDepth()
		}
		items := make([]any, len(v.items))
		for i, item := range v.items {
			var err error
			if items[i], err = unfold(item, depth+1, values); err != nil {
				return nil, err
			}
		}
		return items, nil
	case *dict:
		if depth >= MaxDepth {
			return nil, errDepth()
		}
		entries := make(map[string]any, len(v.keys))
		for i, key := range v.keys {
			*values++ // the key
			item, err := unfold(v.values[i], depth+1, values)
			if err != nil {
				return nil, err
			}
			entries[key] = item // as in Python, the last one wins
		}
		return entries, nil
	default:
		return v, nil
	}
}

func errDepth() error {
	return fmt.Errorf("%w: nested deeper than %d, or into itself", ErrTooLarge, MaxDepth)
}

// kind names a value's type as Python does.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case *list:
		return "a list or tuple"
	default:
		return "a dict"
	}
}
