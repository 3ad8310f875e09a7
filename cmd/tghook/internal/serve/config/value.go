package config

import (
	"math"
	"regexp"
	"strconv"
)

// A value is a value of the file or of a request, and where it stands. Its methods may be called
// on nil, which is a value that is not given.
type value struct {
	field string // such as bots.shop.to.url
	line  int    // for a member of an object, that of its name
	form  form
	// plain is a string, an int64, a float64 or a bool. It is nil if the value is empty, an object
	// or a list.
	plain   any
	members map[string]*value // of an object
	names   []string          // of the members, in their order
	items   []*value          // of a list
}

// A form says which of its fields a value has.
type form int

const (
	scalar form = iota
	object
	list
)

// plainName matches a name that may be shown. Any other one may be a secret in the wrong place.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// member returns an empty member of an object, which still has to be added to it.
func (v *value) member(name string, line int) *value {
	if !plainName.MatchString(name) {
		name = "?"
	}
	if v.field != "" {
		name = v.field + "." + name
	}
	return &value{field: name, line: line}
}

// item returns an empty item of a list, which still has to be added to it.
func (v *value) item(line int) *value {
	return &value{field: v.field + "[" + strconv.Itoa(len(v.items)) + "]", line: line}
}

// add adds a member. If the object has one with the name, add returns that, and adds nothing.
func (v *value) add(name string, member *value) (other *value) {
	if other = v.at(name); other != nil {
		return other
	}
	if v.members == nil {
		v.members = map[string]*value{}
	}
	v.names, v.members[name] = append(v.names, name), member
	return nil
}

// at returns the member with the name; nil if there is none.
func (v *value) at(name string) *value {
	if v == nil {
		return nil
	}
	return v.members[name]
}

// within returns the value that a path of names and indexes leads to; nil if there is none.
func (v *value) within(path []string) *value {
	for _, step := range path {
		if v == nil || v.form != list {
			v = v.at(step)
			continue
		}
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(v.items) {
			return nil
		}
		v = v.items[i]
	}
	return v
}

// text returns a string; "" if it is none.
func (v *value) text() string {
	if v == nil {
		return ""
	}
	text, _ := v.plain.(string)
	return text
}

// whole returns a whole number; the default if there is none.
func (v *value) whole(byDefault int) int {
	if v != nil {
		if n, ok := v.plain.(int64); ok && n >= 0 && n <= math.MaxInt32 {
			return int(n)
		}
	}
	return byDefault
}

// truth returns true or false; the default if it is neither.
func (v *value) truth(byDefault bool) bool {
	if v != nil {
		if b, ok := v.plain.(bool); ok {
			return b
		}
	}
	return byDefault
}

// mustBe returns the text of a mistake: what v, which is something else, must be.
func (v *value) mustBe(must string) string {
	if v.form == scalar && v.plain == nil {
		return "is empty; it " + must
	}
	return must
}

// json returns the value as [encoding/json] would, for the schema.
func (v *value) json() any {
	switch v.form {
	case object:
		members := make(map[string]any, len(v.names))
		for name, member := range v.members {
			members[name] = member.json()
		}
		return members
	case list:
		items := make([]any, len(v.items))
		for i, item := range v.items {
			items[i] = item.json()
		}
		return items
	default:
		return v.plain
	}
}

// number returns the number that a text is: an int64 if it is whole, else a float64. If the text
// is no number, or one that is too large, number returns nil.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsInf(f, 0) || math.IsNaN(f):
		return nil
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return int64(f)
	}
	return f
}
