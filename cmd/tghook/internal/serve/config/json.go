package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxSpec bounds the JSON of a bot. Its certificates are the largest part.
const maxSpec = 256 << 10

// readJSON reads the JSON of a request. If it is none, readJSON returns nil.
func (r *reader) readJSON(data []byte) *value {
	root := &value{line: 1}
	if len(data) > maxSpec {
		r.wrongf(root, "is too long; a bot may have %d bytes of JSON", maxSpec)
		return nil
	}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &whole); errors.As(err, &syntax) {
		root.line += bytes.Count(data[:min(syntax.Offset, int64(len(data)))], []byte("\n"))
		r.wrongf(root, "is no JSON: %v", err)
		return nil
	} else if err != nil || !utf8.Valid(data) {
		r.wrongf(root, "is no JSON in UTF-8")
		return nil
	}
	j := &jsonReader{reader: r, data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	j.decoder.UseNumber()
	j.fill(root, 1)
	return root
}

// A jsonReader reads JSON that is known to be valid.
type jsonReader struct {
	*reader

	data    []byte
	decoder *json.Decoder
	line    int   // where the newest token ends
	counted int64 // up to where lines were counted
}

func (j *jsonReader) next() json.Token {
	token, _ := j.decoder.Token() // it is valid JSON
	end := j.decoder.InputOffset()
	j.line += bytes.Count(j.data[j.counted:end], []byte("\n"))
	j.counted = end
	return token
}

// fill gives v the next value. depth is how deep it stands.
func (j *jsonReader) fill(v *value, depth int) {
	if depth > maxDepth {
		v.line = j.line
		j.wrongf(v, "stands too deep; a bot needs four levels")
		var skipped json.RawMessage
		_ = j.decoder.Decode(&skipped) // it is valid JSON
		return
	}
	token := j.next()
	if v.line == 0 { // it has no name
		v.line = j.line
	}
	switch token := token.(type) {
	case json.Delim:
		v.form = list
		if token == '{' {
			v.form = object
		}
		for j.decoder.More() {
			if v.form == list {
				item := v.item(0)
				v.items = append(v.items, item)
				j.fill(item, depth+1)
				continue
			}
			name, _ := j.next().(string)
			member := v.member(name, j.line)
			if other := v.add(name, member); other != nil {
				j.wrongf(member, "is given twice, the first time in line %d; leave one of them out", other.line)
			}
			j.fill(member, depth+1)
		}
		j.next() // the end
	case json.Number:
		v.plain = number(token.String())
		if v.plain == nil {
			v.plain = token.String()
		}
	default:
		v.plain = token
	}
}
