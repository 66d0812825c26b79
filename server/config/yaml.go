package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// file reads a YAML file. Of YAML it takes mappings, lists and scalars; anchors, aliases, tags and further documents
// are refused, because nothing here needs them.
func (l *loader) file(path string) {
	data, err := readFile(path)
	if err != nil {
		var f fault
		errors.As(err, &f)
		l.problem(path, "", f.reason, f.mend)
		return
	}
	y := yamlReader{loader: l, path: path, seen: map[string]bool{}}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark (YAML 1.2.2 §5.2)
	// Keys that come twice are told by us: the parser's message would repeat them, whatever they are.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		y.syntax(err)
		return
	}
	y.documents(file)
}

type yamlReader struct {
	*loader
	path string
	seen map[string]bool
}

// where is the file and the line at which a node begins.
func (y yamlReader) where(node ast.Node) string {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf("%s:%d", y.path, t.Position.Line)
	}
	return y.path
}

// syntax tells what the parser did not understand. Its own rendering would show the lines around it, secrets included;
// and what it quotes is left out for the same reason.
func (y yamlReader) syntax(err error) {
	where, reason := y.path, "is not YAML"
	var s *yaml.SyntaxError
	if errors.As(err, &s) {
		if s.Token != nil && s.Token.Position != nil {
			where = fmt.Sprintf("%s:%d", y.path, s.Token.Position.Line)
		}
		if message, _, _ := strings.Cut(s.Message, `"`); message != "" {
			reason += ": " + strings.TrimSpace(message)
		}
	}
	y.problem(where, "", reason, "mend the syntax; values with special characters need quotes")
}

func (y yamlReader) documents(file *ast.File) {
	bodies := []ast.Node{}
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.NullType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) > 1 {
		y.problem(y.where(bodies[1]), "", "is a second document", "write one document")
	}
	if len(bodies) > 0 {
		y.mapping("", bodies[0])
	}
}

// mapping reads the pairs of a section, or of the whole file when section is empty.
func (y yamlReader) mapping(section string, node ast.Node) {
	pairs, ok := node.(*ast.MappingNode)
	if !ok {
		y.problem(y.where(node), section, "is not a mapping", "write keys and values, as in listen: 127.0.0.1:8400")
		return
	}
	for _, pair := range pairs.Values {
		y.pair(section, pair)
	}
}

func (y yamlReader) pair(section string, pair *ast.MappingValueNode) {
	name, isText := scalar(pair.Key)
	if !isText {
		y.problem(y.where(pair), section, "has a key that is not a plain word", "write keys and values, as in listen: 127.0.0.1:8400")
		return
	}
	if section != "" {
		name = section + "." + name
	}
	where := y.where(pair.Key)
	k, isKey := keyNamed(name)
	if !isKey && !slices.Contains(sections(), name) {
		y.unknown(where, name)
		return
	}
	if y.seen[name] {
		y.problem(where, name, "is given twice", "keep one of them")
		return
	}
	y.seen[name] = true
	if isKey {
		y.value(where, k, pair.Value)
	} else if pair.Value.Type() != ast.NullType {
		y.mapping(name, pair.Value)
	}
}

// value reads what stands behind a key. Nothing at all is an empty text, or an empty list.
func (y yamlReader) value(where string, k key, node ast.Node) {
	nodes := []ast.Node{node}
	if sequence, ok := node.(*ast.SequenceNode); ok && k.list {
		nodes = sequence.Values
	} else if k.list && node.Type() != ast.NullType {
		y.breakKey(where, k, refuse("write it as [first, second]", "takes a list"))
		return
	} else if k.list {
		nodes = nil
	}
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = k.entry(n)
	}
	y.set(where, k, texts)
}

// entry is the text of one value of a key.
func (k key) entry(node ast.Node) string {
	if k.mappings {
		return record(node)
	}
	if text, ok := scalar(node); ok {
		return text
	}
	return notText
}

// record is a mapping whose values are texts and lists of texts, as JSON; anything else is notText.
func record(node ast.Node) string {
	pairs, ok := node.(*ast.MappingNode)
	if !ok {
		return notText
	}
	members := map[string]any{}
	for _, pair := range pairs.Values {
		name, ok := scalar(pair.Key)
		if _, twice := members[name]; twice || !ok {
			return notText
		}
		if members[name], ok = member(pair.Value); !ok {
			return notText
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return notText
	}
	return string(text)
}

// member is a text, or a list of texts.
func member(node ast.Node) (value any, ok bool) {
	sequence, isList := node.(*ast.SequenceNode)
	if !isList {
		return scalar(node)
	}
	list := make([]string, len(sequence.Values))
	for i, n := range sequence.Values {
		if list[i], ok = scalar(n); !ok {
			return nil, false
		}
	}
	return list, true
}

// mappingsOf reads a list of mappings from a text that is YAML by itself, or JSON. A text that is none has one entry, which is
// notText.
func mappingsOf(text string) []string {
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil || len(file.Docs) > 1 {
		return []string{notText}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.NullType || file.Docs[0].Body.Type() == ast.CommentType {
		return nil
	}
	sequence, ok := file.Docs[0].Body.(*ast.SequenceNode)
	if !ok {
		return []string{notText}
	}
	texts := make([]string, len(sequence.Values))
	for i, n := range sequence.Values {
		texts[i] = record(n)
	}
	return texts
}

// scalar is the text of a node as it was written, whatever type YAML gives it: on, 10 and 1e9 are texts, too.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}
