package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check returns how a JSON text differs from a type: members that are missing or unknown,
// and values of another type. Each difference begins with its path, such as
// Message.chat.id.
func Check(kind string, text []byte) []string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return []string{fmt.Sprintf("%s is not JSON: %v", kind, err)}
	}
	return check(kind, kind, value)
}

// check compares a value with a type. If several of the type's alternatives fit, it
// compares with the nearest.
func check(path, kind string, value any) []string {
	fitting := slices.DeleteFunc(alternatives(kind), func(one string) bool { return !fits(one, value) })
	if len(fitting) == 0 {
		return []string{fmt.Sprintf("%s is %s, not %s", path, excerpt(value), kind)}
	}
	nearest := inside(path, fitting[0], value)
	for _, one := range fitting[1:] {
		if faults := inside(path, one, value); len(faults) < len(nearest) {
			nearest = faults
		}
	}
	return nearest
}

// alternatives splits a type at each | that is in no array, and replaces unions by their
// types.
func alternatives(kind string) []string {
	var all []string
	depth, start := 0, 0
	for i, r := range kind + "|" {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == '|' && depth == 0:
			one := kind[start:i]
			start = i + 1
			if union, ok := parsed().unions[one]; ok {
				all = append(all, alternatives(union)...)
			} else {
				all = append(all, one)
			}
		}
	}
	return all
}

// fits reports whether a value is of the type, as far as can be seen without its members.
// Those that have only one value count: they tell the types of a union apart.
func fits(one string, value any) bool {
	switch v := value.(type) {
	case string:
		return one == "String" || one == `"`+v+`"`
	case json.Number:
		return one == "Float" || one == v.String() || one == "Integer" && !strings.ContainsAny(v.String(), ".eE")
	case bool:
		return one == "Boolean" || v && one == "True" || !v && one == "False"
	case []any:
		return strings.HasPrefix(one, "[")
	case map[string]any:
		members, ok := Members(one)
		return ok && !slices.ContainsFunc(members, func(m Member) bool { return fixed(m.Type) && !fits(m.Type, v[m.Name]) })
	}
	return false
}

// fixed reports whether a type has only one value.
func fixed(kind string) bool {
	return strings.HasPrefix(kind, `"`) && !strings.Contains(kind, "|") || kind == "0"
}

// inside compares the elements of an array or the members of an object. The value fits.
func inside(path, one string, value any) []string {
	var faults []string
	switch v := value.(type) {
	case []any:
		for i, element := range v {
			faults = append(faults, check(fmt.Sprintf("%s[%d]", path, i), one[1:len(one)-1], element)...)
		}
	case map[string]any:
		members, _ := Members(one)
		rest := maps.Clone(v)
		for _, m := range members {
			delete(rest, m.Name)
			switch member, ok := v[m.Name]; {
			case ok:
				faults = append(faults, check(path+"."+m.Name, m.Type, member)...)
			case !m.Optional:
				faults = append(faults, fmt.Sprintf("%s has no %s", path, m.Name))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(rest)) {
			faults = append(faults, fmt.Sprintf("%s.%s is unknown", path, name))
		}
	}
	return faults
}

// excerpt returns the beginning of a value's JSON.
func excerpt(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	const some = 80
	if len(text) > some {
		return string(text[:some]) + "..."
	}
	return string(text)
}
