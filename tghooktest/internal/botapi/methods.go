package botapi

import (
	_ "embed"
	"strings"
	"sync"
)

// Method describes a method of Bot API 10.3.
type Method struct {
	Name     string   // in Telegram's spelling
	Result   string   // Message, True, Integer, String, or another object's type
	Array    bool     // the result is an array of Result
	OrTrue   bool     // the result is True for a message that an inline result sent
	Required []string // parameters that are required
	Files    []string // parameters that take a file
}

// methods has a line for each method: name, result, required parameters, and parameters
// that take a file.
//
//go:embed methods.tsv
var methods string

var methodsByName = sync.OnceValue(func() map[string]Method {
	byName := map[string]Method{}
	_, lines, _ := strings.Cut(methods, "\n")
	for line := range strings.Lines(lines) {
		column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		m := Method{Name: column[0], Required: list(column[2]), Files: list(column[3])}
		m.Result, m.OrTrue = strings.CutSuffix(column[1], " or True")
		m.Result, m.Array = strings.CutPrefix(m.Result, "Array of ")
		byName[strings.ToLower(m.Name)] = m
	}
	return byName
})

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// oldNames are the names that methods had before, in lower case. Telegram's server keeps
// them, though the documentation does not have them.
var oldNames = map[string]string{
	"getchatmemberscount": "getchatmembercount",
	"kickchatmember":      "banchatmember",
	"setstickersetthumb":  "setstickersetthumbnail",
}

// Lookup finds a method by its name, or by an old name of it, in any letter case.
func Lookup(name string) (Method, bool) {
	name = strings.ToLower(name)
	if renamed, ok := oldNames[name]; ok {
		name = renamed
	}
	m, ok := methodsByName()[name]
	return m, ok
}
