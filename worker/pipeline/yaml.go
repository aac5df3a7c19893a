package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// largestFile bounds a pipeline file, in bytes. Real ones have a few thousand;
// the YAML parser's time grows with the square of the size.
const largestFile = 64 << 10

// deepestFile bounds how many lists and mappings may be inside each other. The
// parser takes gigabytes for a file that is nothing but brackets.
const deepestFile = 64

// nestedTooDeep returns the token at which a text goes too deep, if it does.
// What is nested by indentation alone is bounded by the file's size: each level
// takes a longer line.
func nestedTooDeep(tokens token.Tokens) *token.Token {
	depth, inLine, line := 0, 0, 0 // inside brackets; of "- " and "? " in one line
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			inLine, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			inLine++
		default: // only what nests matters
		}
		if depth > deepestFile || inLine > deepestFile {
			return t
		}
	}
	return nil
}

// document parses text into the root node of its only document.
func (c *collector) document(text []byte) (root ast.Node, ok bool) {
	if len(text) > largestFile {
		c.add(Position{}, "the file has %d bytes; a pipeline file has at most %d", len(text), largestFile)
		return nil, false
	}
	if !utf8.Valid(text) {
		c.add(Position{}, "the file is not UTF-8 text; is it a pipeline file?")
		return nil, false
	}
	// The parser is a library given bytes from outside: a panic in it is one
	// more way of saying that this is not YAML.
	defer func() {
		if r := recover(); r != nil {
			c.add(Position{}, "the file cannot be parsed as YAML")
			root, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if deep := nestedTooDeep(tokens); deep != nil {
		c.add(positionOf(deep), "it is nested deeper than %d; a pipeline file needs no more than 6", deepestFile)
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			c.add(positionOf(syntax.Token), "%s", syntax.Message)
		} else {
			c.add(Position{}, "the file cannot be parsed as YAML: %v", err)
		}
		return nil, false
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.CommentGroupType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		c.add(Position{}, "the file is empty; a pipeline file has name: and steps:")
		return nil, false
	case 1:
		return bodies[0], true
	}
	c.add(position(bodies[1]), "a second YAML document starts here; a pipeline file has one")
	return nil, false
}

func position(n ast.Node) Position { return positionOf(n.GetToken()) }

func positionOf(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{}
	}
	return Position{Line: t.Position.Line, Column: t.Position.Column}
}

// start is the position of a node's first character; a block mapping's own
// token is its first colon.
func start(n ast.Node) Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	return position(n)
}

// entry is one key of a mapping and its value.
type entry struct {
	key   Word
	value ast.Node
}

// mapping returns the entries of n, each key once. what names n in messages,
// such as "step smooth".
func (c *collector) mapping(n ast.Node, what string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		c.add(position(n), "%s must be a mapping (key: value), not %s", what, kindOf(n))
		return nil, false
	}
	seen := make(map[string]Position, len(values))
	entries := make([]entry, 0, len(values))
	for _, v := range values {
		key, ok := c.key(v.Key)
		if !ok {
			continue
		}
		if first, twice := seen[key.Text]; twice {
			c.add(key.At, "%s has %q twice; the first is on line %d", what, key.Text, first.Line)
			continue
		}
		seen[key.Text] = key.At
		entries = append(entries, entry{key, v.Value})
	}
	return entries, true
}

func (c *collector) key(n ast.MapKeyNode) (Word, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return Word{n.Value, position(n)}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return Word{n.GetToken().Value, position(n)}, true
	}
	c.add(position(n), "this key is %s; keys here are plain words", kindOf(n))
	return Word{}, false
}

// known reports each entry whose key is not in valid, with the nearest.
func (c *collector) known(entries []entry, kind string, valid []string) {
	for _, e := range entries {
		found := false
		for _, name := range valid {
			found = found || name == e.key.Text
		}
		if !found {
			c.add(e.key.At, "%v", enums.Unknown(kind, e.key.Text, valid))
		}
	}
}

// text returns a scalar's text as it is written: 01 stays "01".
func (c *collector) text(n ast.Node, what string) (Word, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return Word{n.Value, position(n)}, true
	case *ast.LiteralNode:
		return Word{n.Value.Value, position(n)}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return Word{n.GetToken().Value, position(n)}, true
	}
	c.add(position(n), "%s must be a text, not %s", what, kindOf(n))
	return Word{}, false
}

// texts returns a list of scalars, or one scalar as a list of one.
func (c *collector) texts(n ast.Node, what string) []Word {
	seq, isList := n.(*ast.SequenceNode)
	if !isList {
		if w, ok := c.text(n, what); ok {
			return []Word{w}
		}
		return nil
	}
	var words []Word
	for _, v := range seq.Values {
		w, ok := c.text(v, "each of "+what)
		if !ok {
			continue
		}
		for _, before := range words {
			if before.Text == w.Text {
				c.add(w.At, "%s names %q twice", what, w.Text)
			}
		}
		words = append(words, w)
	}
	return words
}

// flag returns a boolean.
func (c *collector) flag(n ast.Node, what string) (value, ok bool) {
	if b, is := n.(*ast.BoolNode); is {
		return b.Value, true
	}
	c.add(position(n), "%s must be true or false, not %s", what, kindOf(n))
	return false, false
}

// value returns n as plain data: nil, bool, int64, uint64, float64, string,
// []any or map[string]any.
func (c *collector) value(n ast.Node, what string) (any, bool) {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		if v, ok := n.Value.(uint64); ok && v <= 1<<63-1 {
			return int64(v), true
		}
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for _, item := range n.Values {
			v, ok := c.value(item, what)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case *ast.MappingNode, *ast.MappingValueNode:
		entries, ok := c.mapping(n, what)
		if !ok {
			return nil, false
		}
		set := make(map[string]any, len(entries))
		for _, e := range entries {
			v, ok := c.value(e.value, what)
			if !ok {
				return nil, false
			}
			set[e.key.Text] = v
		}
		return set, true
	}
	c.add(position(n), "%s is %s, which does not belong in a pipeline file", what, kindOf(n))
	return nil, false
}

// kindOf names what a node is in a user's words.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case nil:
		return "nothing"
	case *ast.NullNode:
		return "empty"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "a boolean"
	case *ast.IntegerNode, *ast.FloatNode:
		return "the number " + n.GetToken().Value
	case *ast.InfinityNode, *ast.NanNode:
		return "not a finite number"
	case *ast.StringNode:
		return fmt.Sprintf("the text %q", shorten(n.Value))
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "a YAML anchor or alias (write the value out instead)"
	case *ast.TagNode:
		return "a YAML tag (leave it out)"
	}
	return "something else"
}

func shorten(s string) string {
	const longest = 40
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}

// word reports whether s is fit to be part of a file or column name.
func isWord(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789_", r)) {
			return false
		}
	}
	return true
}
