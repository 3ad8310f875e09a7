package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxDepth is how deep values may stand in each other. The file needs five levels.
const maxDepth = 32

// readYAML reads the file. If it is not YAML that can be used, readYAML returns nil.
func (r *reader) readYAML(data []byte) *value {
	root := &value{}
	if good := textIn(data); len(good) < len(data) {
		root.line = 1 + bytes.Count(good, []byte("\n"))
		r.wrongf(root, "has a byte that is not UTF-8, or a control character; save the file as text in UTF-8")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	var document, second yaml.Node
	if err == nil {
		err = loader.Load(&document)
	}
	switch {
	case errors.Is(err, io.EOF) || err == nil && isEmpty(&document):
		r.wrongf(root, "the file is empty; it needs bots, each with a name, a token and a to")
		return nil
	case err != nil:
		r.notYAML(data, err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		root.line = second.Line
		r.wrongf(root, "a second document begins here; the file may have one, so leave out the line of ---")
	} else if !errors.Is(err, io.EOF) {
		r.notYAML(data, err)
	}
	root.line = 1
	r.fill(root, document.Content[0])
	return root
}

// textIn returns data up to the first byte that is not UTF-8, or is a control character.
func textIn(data []byte) []byte {
	for at := 0; at < len(data); {
		c, size := utf8.DecodeRune(data[at:])
		if c == utf8.RuneError && size == 1 || unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' {
			return data[:at]
		}
		at += size
	}
	return data
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Kind == yaml.ScalarNode && document.Content[0].ShortTag() == "!!null"
}

// notYAML tells of an error of the YAML library. It does not repeat a text of the file, which may
// be a secret.
func (r *reader) notYAML(data []byte, err error) {
	var failed *yaml.LoadError
	if !errors.As(err, &failed) {
		r.wrongf(&value{}, "is no YAML")
		return
	}
	at := &value{line: failed.Mark.Line}
	lines := bytes.Split(data, []byte("\n"))
	var line []byte
	if at.line > 0 && at.line <= len(lines) {
		line = lines[at.line-1]
	}
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	switch message := failed.Message; {
	case strings.Contains(message, "tab character") || bytes.Contains(indent, []byte("\t")):
		r.wrongf(at, "the line is indented by a tab; use spaces")
	case strings.Contains(message, "unknown anchor"):
		r.wrongf(at, "a value begins with *, which stands for another value in YAML; put it in quotes")
	case strings.Contains(message, "cannot start any token"):
		r.wrongf(at, "a value begins with a character that has a meaning in YAML, such as @, ` or %%; put it in quotes")
	case strings.Contains(message, "mapping values are not allowed"):
		r.wrongf(at, "there is a colon where none may be; correct the indentation, or put a value that has a colon and a space in quotes")
	case strings.Contains(message, "max depth"):
		r.wrongf(at, "values stand in each other more than %d deep; the file needs five levels", maxDepth)
	case failed.ContextMark.Line > 0 && failed.ContextMark.Line < at.line:
		r.wrongf(at, "is no YAML: %s %s that begins in line %d", message, failed.ContextMsg, failed.ContextMark.Line)
	default:
		r.wrongf(at, "is no YAML: %s", message)
	}
}

// fill gives v what a node has.
func (r *reader) fill(v *value, node *yaml.Node) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		r.wrongf(v, "has an anchor or an alias, which are not used here; write the value itself, in quotes if it begins with & or *")
		return
	case node.Style&yaml.TaggedStyle != 0:
		r.wrongf(v, "has a tag, which is not used here; leave the tag out, or put a value that begins with ! in quotes")
		return
	}
	switch node.Kind {
	case yaml.MappingNode:
		v.form = object
		for i := 0; i+1 < len(node.Content); i += 2 {
			r.fillMember(v, node.Content[i], node.Content[i+1])
		}
	case yaml.SequenceNode:
		v.form = list
		for _, content := range node.Content {
			item := v.item(content.Line)
			v.items = append(v.items, item)
			r.fill(item, content)
		}
	default:
		v.plain = plain(node)
	}
}

func (r *reader) fillMember(v *value, key, content *yaml.Node) {
	switch {
	case key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0 || key.Anchor != "":
		r.wrongf(&value{field: v.field, line: key.Line}, "has a name that is no text; correct it, and put a name with special characters in quotes")
		return
	case key.ShortTag() == "!!merge":
		r.wrongf(&value{field: v.field, line: key.Line}, "has <<, which is not used here; write the fields themselves")
		return
	}
	member := v.member(key.Value, key.Line)
	if other := v.add(key.Value, member); other != nil {
		r.wrongf(member, "is given twice, the first time in line %d; leave one of them out", other.line)
		return
	}
	r.fill(member, content)
}

// decimal matches a number as everybody reads it. 0x10, 010, 1_000 and .inf stay strings.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$`)

// plain returns a value without parts.
func plain(node *yaml.Node) any {
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(node.Value, "true")
	case "!!int", "!!float":
		if decimal.MatchString(node.Value) {
			if n := number(node.Value); n != nil {
				return n
			}
		}
	}
	return node.Value
}
