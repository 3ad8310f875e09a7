package world

import (
	"encoding/json"
	"strconv"
)

// object is a JSON object from a parameter.
type object map[string]json.RawMessage

func parseObject(text []byte) (object, bool) {
	var o object
	return o, json.Unmarshal(text, &o) == nil && o != nil
}

func parseArray(text []byte) ([]json.RawMessage, bool) {
	var a []json.RawMessage
	return a, json.Unmarshal(text, &a) == nil && a != nil
}

// has reports whether the field exists and is not null.
func (o object) has(name string) bool { return o[name] != nil && string(o[name]) != "null" }

// text returns a field that is a string or a number; otherwise it is empty.
func (o object) text(name string) string {
	raw := o[name]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		return string(raw)
	}
	return ""
}

// need returns a text, or an error if it is missing.
func (o object) need(name string) (string, error) {
	switch s := o.text(name); {
	case !o.has(name):
		return "", refusef("Can't find field %q", name)
	case s == "" && string(o[name]) != `""`:
		return "", refusef("Field %q must be of type String", name)
	default:
		return s, nil
	}
}

func (o object) integer(name string) int64 {
	n, err := strconv.ParseInt(o.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (o object) flag(name string) bool {
	return string(o[name]) == "true" || o.text(name) == "true"
}
