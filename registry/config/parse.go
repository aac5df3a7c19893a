package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Bounds on a configuration's text. The YAML parser takes time in the square of
// the nesting (30 000 brackets: 8 s), and no configuration nests.
const (
	maxText    = 256 << 10 // bytes
	maxNesting = 16
)

// Parse reads a configuration file of the built-in settings.
func Parse(name string, text []byte) (Layer, error) { return NewSchema().Parse(name, text) }

// Parse reads a configuration file: a mapping of settings, sections nested. Its
// scope is that of its "type", and global without one; name is the path that
// messages give. Everything that is wrong is reported, as [Problems], each with
// name:line:column. The layer holds values of the settings' own types.
func (s *Schema) Parse(name string, text []byte) (Layer, error) {
	p := &reader{schema: s, name: name, layer: Layer{
		Scope: ScopeGlobal, Set: map[string]any{}, Positions: map[string]string{},
	}}
	root := p.root(text)
	if root != nil {
		p.scope(root)
		p.mapping(root, "")
	}
	p.layer.Origin = p.layer.Scope + " file " + name
	if err := p.problems.orNil(); err != nil {
		return Layer{}, err
	}
	return p.layer, nil
}

type reader struct {
	schema   *Schema
	name     string
	layer    Layer
	problems Problems
}

func (p *reader) position(at *token.Token) string {
	if at == nil || at.Position == nil {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, at.Position.Line, at.Position.Column)
}

func (p *reader) wrong(at *token.Token, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.position(at), fmt.Sprintf(format, args...)})
}

// root returns the document's mapping, or nil if it is empty or wrong.
func (p *reader) root(text []byte) ast.Node {
	switch {
	case len(text) > maxText:
		p.wrong(nil, "the text has %d bytes, more than a configuration may have (%d)", len(text), maxText)
		return nil
	case !utf8.Valid(text):
		p.wrong(nil, "the text is not UTF-8")
		return nil
	}
	file, err := p.document(strings.TrimPrefix(string(text), "\ufeff"))
	if len(p.problems) > 0 {
		return nil
	}
	var located yaml.Error
	switch {
	case errors.As(err, &located):
		p.wrong(located.GetToken(), "%s", located.GetMessage())
		return nil
	case err != nil:
		p.wrong(nil, "%v", err)
		return nil
	}
	var root ast.Node
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if root != nil {
			p.wrong(document.Body.GetToken(), "a second document; a configuration is one")
			return nil
		}
		root = document.Body
	}
	if _, null := root.(*ast.NullNode); null {
		return nil
	}
	return root
}

// document parses the text. The text may come from a client, and a mistake in
// the YAML library must cost that client an error, not the server its life.
func (p *reader) document(text string) (file *ast.File, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			file, err = nil, fmt.Errorf("the YAML cannot be read: %v", crash)
		}
	}()
	tokens := lexer.Tokenize(text)
	if !p.plain(tokens) {
		return nil, nil
	}
	return parser.Parse(tokens, 0)
}

// plain refuses what a configuration has no use for and a parser suffers from.
func (p *reader) plain(tokens token.Tokens) bool {
	depth, entries := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			p.wrong(t, "anchors, aliases, tags, directives and '?' keys are not part of a configuration")
			return false
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			entries++
		default:
			entries = 0
		}
		if depth > maxNesting || entries > maxNesting {
			p.wrong(t, "nested too deep")
			return false
		}
	}
	return true
}

// entries returns the pairs of a mapping; the parser has refused duplicates.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// scope reads the type key, before the rest depends on it.
func (p *reader) scope(root ast.Node) {
	pairs, _ := entries(root)
	for _, pair := range pairs {
		if p.key(pair) != typeKey {
			continue
		}
		value, _ := scalar(pair.Value)
		name, isText := value.(string)
		var names []string
		for _, scope := range scopes() {
			names = append(names, typeName(scope))
			if isText && name == typeName(scope) {
				p.layer.Scope = scope
				return
			}
		}
		p.wrong(pair.Value.GetToken(), "%v", enums.Unknown("type of configuration", fmt.Sprint(value), names))
	}
}

func (p *reader) key(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return pair.Key.GetToken().Value
}

func (p *reader) mapping(n ast.Node, prefix string) {
	pairs, ok := entries(n)
	if !ok {
		p.wrong(n.GetToken(), "found %s, want settings as \"name: value\"", strings.ToLower(n.Type().String()))
		return
	}
	for _, pair := range pairs {
		name := p.key(pair)
		key, at := prefix+name, pair.Key.GetToken()
		if key == typeKey {
			continue
		}
		if strings.Contains(name, ".") {
			p.wrong(at, "%q: write a section's settings below its name", clip(name))
			continue
		}
		if _, nested := entries(pair.Value); nested && p.isSection(key) {
			p.mapping(pair.Value, key+".")
			continue
		}
		p.setting(key, at, pair.Value)
	}
}

func (p *reader) isSection(key string) bool {
	for _, x := range p.schema.sections {
		if x.field == key {
			return true
		}
	}
	return false
}

func (p *reader) setting(key string, at *token.Token, n ast.Node) {
	if _, unset := n.(*ast.NullNode); unset && p.isSection(key) {
		return
	}
	i, err := p.schema.find(p.layer.Scope, key)
	if err != nil {
		p.wrong(at, "%v", err)
		return
	}
	if _, unset := n.(*ast.NullNode); unset {
		return // inherits
	}
	setting := p.schema.settings[i]
	value, ok := scalar(n)
	if !ok {
		p.wrong(n.GetToken(), "%s: found %s, want a %s", key, strings.ToLower(n.Type().String()), setting.Kind)
		return
	}
	typed, err := setting.check(value)
	if err != nil {
		p.wrong(n.GetToken(), "%s: %v", key, err)
		return
	}
	p.layer.Set[key] = typed
	p.layer.Positions[key] = p.position(at)
}

// exponent matches plain numbers like 1e6, which are numbers in YAML's core
// schema and which the parser gives as text.
var exponent = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[-+]?[0-9]+[eE][-+]?[0-9]+$`)
})

// scalar returns a scalar's value: bool, int64, uint64, float64 or string.
func scalar(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.InfinityNode:
		return n.Value, true
	case *ast.NanNode:
		return n.GetValue(), true
	case *ast.StringNode:
		if n.Token.Type == token.StringType && exponent().MatchString(n.Value) {
			f, err := strconv.ParseFloat(n.Value, 64)
			return f, err == nil
		}
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return nil, false
}
