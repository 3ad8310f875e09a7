// Package spec has the types and methods of Bot API 10.3, and checks JSON against them. The
// Server warns of parameters that it does not have. Tests check results and updates by it.
package spec

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Member is a member of an object, or a parameter of a method.
type Member struct {
	Name     string
	Type     string // as in spec.tsv, such as [[PhotoSize]] or Integer|String
	Optional bool
}

// Method is a method of the Bot API.
type Method struct {
	Name   string
	Result string // a type, as in Member
	Params []Member
}

// table has the types and methods. Its first lines explain it.
//
//go:embed spec.tsv
var table string

// spec is the parsed table.
type spec struct {
	types   map[string][]Member
	unions  map[string]string
	methods []Method // by name
}

var parsed = sync.OnceValue(func() spec {
	s := spec{types: map[string][]Member{}, unions: map[string]string{}}
	for line := range strings.Lines(table) {
		column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch column[0] {
		case "type":
			s.types[column[1]] = members(column[2:])
		case "union":
			s.unions[column[1]] = column[2]
		case "method":
			s.methods = append(s.methods, Method{column[1], column[2], members(column[3:])})
		}
	}
	for name, more := range undocumented {
		s.types[name] = slices.Concat(s.types[name], more)
	}
	return s
})

func members(columns []string) []Member {
	all := make([]Member, len(columns))
	for i, column := range columns {
		name, kind, _ := strings.Cut(column, ":")
		name, optional := strings.CutSuffix(name, "?")
		all[i] = Member{name, kind, optional}
	}
	return all
}

// Methods returns all methods, by name. The slice must not be changed.
func Methods() []Method { return parsed().methods }

// Lookup finds a method by its name in Telegram's spelling.
func Lookup(name string) (Method, bool) {
	at, ok := slices.BinarySearchFunc(Methods(), name, func(m Method, name string) int { return strings.Compare(m.Name, name) })
	if !ok {
		return Method{}, false
	}
	return Methods()[at], true
}

// Members returns the members of an object's type. The slice must not be changed.
func Members(kind string) ([]Member, bool) {
	all, ok := parsed().types[kind]
	return all, ok
}

// Types returns the names of all types of objects, in order.
func Types() []string { return slices.Sorted(maps.Keys(parsed().types)) }

// Union reports whether the name stands for several types.
func Union(name string) bool { return parsed().unions[name] != "" }
