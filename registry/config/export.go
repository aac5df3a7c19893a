package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// typeKey names the type of an exported configuration inside its text.
const typeKey = "type"

// Export writes the values as a global configuration in YAML: only those that
// some layer set, or all of them with a comment each. [Parse] and [Resolve] of
// the text give the identical values; with only what was set, they also give
// the identical set of settings.
func Export(r Resolved, all bool) ([]byte, error) {
	r = r.orDefaults()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", typeKey, typeName(ScopeGlobal))
	open := ""
	for i, x := range r.values {
		if !all && !x.set {
			continue
		}
		setting := r.schema.settings[i]
		section, name := first(setting.Key)
		if section != open {
			fmt.Fprintf(&b, "%s:\n", section)
			open = section
		}
		indent := ""
		if section != "" {
			indent = "  "
		}
		if all && setting.Doc != "" {
			fmt.Fprintf(&b, "%s# %s\n", indent, strings.Join(strings.Fields(setting.Doc), " "))
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, name, yamlOf(x.value))
	}
	return []byte(b.String()), nil
}

// plainText is text that YAML reads as itself without quotes: words that begin
// with a letter. Words with a meaning in YAML are excepted below.
var plainText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z][A-Za-z_]*$`)
})

// yamlOf writes a scalar so that YAML reads it as the same type and value.
func yamlOf(value any) string {
	text := textOf(value)
	if reflect.TypeOf(value).Kind() != reflect.String {
		return text
	}
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return strconv.Quote(text)
	}
	if plainText().MatchString(text) {
		return text
	}
	return quoteYAML(text)
}

// quoteYAML writes text in double quotes and in ASCII, with escapes that YAML
// and JSON share; those beyond 16 bits are YAML's own.
func quoteYAML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c >= ' ' && c < 0x7f:
			b.WriteRune(c)
		case c <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
