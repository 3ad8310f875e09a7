//go:build ignore

// Generate writes spec.tsv from the declarations of the npm package @gramio/types, whose
// version is the Bot API's. It takes names, types and what is optional. Run it by hand:
//
//	npm pack @gramio/types@10.3.1 && tar xzf gramio-types-10.3.1.tgz
//	go run generate.go package/out >spec.tsv
//
// The declarations do not tell integers from floats, and leave out the members of two types.
// floats, missing and narrow below have these, after the Bot API's documentation.
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const head = `# Types and methods of the Bot API, made by generate.go from the declarations of @gramio/types.
# type <name> <member>:<type>... has ? after the name of a member that is optional.
# union <name> <type> is a name for one of several types.
# method <name> <result> <parameter>:<type>... is like type.
# A type is Integer, Float, String, Boolean, True, False, InputFile, "a string", 0, a name, [array] or one|of|several.
`

var (
	comment  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	version  = regexp.MustCompile(`Bot API v[0-9.]+ \([0-9.]+\)`)
	declared = regexp.MustCompile(`(?s)export (interface|type) (\w+)(<.*?>)? (?:= ?)?(.*?)(?:\n\n|\n?$)`)
	member   = regexp.MustCompile(`(?m)^    (\w+)(\??):`)
	floats   = regexp.MustCompile(`^((longitude|latitude|horizontal_accuracy|[xy]_shift|scale|\w+_percentage|rotation_angle|temperature|(main_frame|cover_frame)_timestamp)|InputStoryContentVideo\.duration)$`)
	noise    = regexp.MustCompile(`\{ to(String|JSON)\(\): [\w.]+ \}`)
	word     = regexp.MustCompile(`\b(?:(?:Objects|Params)\.)?(?:Telegram)?\w+\b`)
	basic    = map[string]string{"number": "Integer", "string": "String", "boolean": "Boolean", "true": "True", "false": "False"}
)

var (
	missing = map[string]string{"RichText": "String|[RichText]|"}
	narrow  = map[string]string{"InaccessibleMessage.date": "0"} // which tells it from Message
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	objects, params := read("objects.d.ts"), read("params.d.ts")
	fmt.Fprintf(out, "%s# %s\n", head, version.FindString(file("objects.d.ts")))

	enums := map[string]string{}
	for _, declared := range []map[string]string{objects, params} {
		for name, body := range declared {
			if kind := typeOf(body); !strings.Contains(kind, "{") && !strings.ContainsAny(kind[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ[") {
				enums[name] = kind
			}
		}
	}
	var lines []string
	for name, body := range objects {
		switch {
		case enums[name] != "" || strings.HasPrefix(name, "APIResponse") || name == "InputFile":
		case strings.HasPrefix(body, "{"):
			lines = append(lines, "type\t"+name+members(name, body, enums))
		default:
			lines = append(lines, "union\t"+name+"\t"+missing[name]+typeOf(body))
		}
	}
	for _, m := range regexp.MustCompile(`(?s)\n    (\w+): CallAPI(\w*)<(.*?)>\n`).FindAllStringSubmatch(comment.ReplaceAllString(file("methods.d.ts"), ""), -1) {
		result, body := m[3], ""
		if m[2] != "WithoutParams" {
			var of string
			of, result, _ = strings.Cut(result, ",")
			body = params[strings.TrimPrefix(strings.TrimSpace(of), "Params.")]
		}
		lines = append(lines, "method\t"+m[1]+"\t"+typeOf(strings.TrimRight(result, ", \n"))+members(m[1], body, enums))
	}
	slices.Sort(lines)
	fmt.Fprintln(out, strings.Join(lines, "\n"))
}

func file(name string) string {
	text, err := os.ReadFile(filepath.Join(os.Args[1], name))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// read returns the declarations of a file, by name.
func read(name string) map[string]string {
	text := comment.ReplaceAllString(file(name), "")
	text = noise.ReplaceAllString(regexp.MustCompile(`(?m)^ +\n`).ReplaceAllString(text, ""), "")
	text = strings.ReplaceAll(text, "\nexport", "\n\nexport")
	all := map[string]string{}
	for _, d := range declared.FindAllStringSubmatch(text+"\n\n", -1) {
		all[strings.TrimPrefix(d[2], "Telegram")] = d[4]
	}
	return all
}

func members(of, body string, enums map[string]string) string {
	var b strings.Builder
	at := member.FindAllStringSubmatchIndex(body, -1)
	for i, m := range at {
		end := len(body)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		name, optional := body[m[2]:m[3]], body[m[4]:m[5]]
		kind := typeOf(strings.TrimSuffix(strings.TrimSpace(body[m[1]:end]), "}"))
		if enum := enums[kind]; enum != "" {
			kind = enum
		}
		if floats.MatchString(name) || floats.MatchString(of+"."+name) {
			kind = strings.ReplaceAll(kind, "Integer", "Float")
		}
		fmt.Fprintf(&b, "\t%s%s:%s", name, optional, cmp.Or(narrow[of+"."+name], kind))
	}
	return b.String()
}

// typeOf returns a type in the form of spec.tsv.
func typeOf(text string) string {
	text = strings.Join(strings.Fields(noise.ReplaceAllString(text, "")), "")
	text = strings.ReplaceAll(text, `Exclude<keyofTelegramUpdate,"update_id">`, "string")
	text = strings.ReplaceAll(text, `Exclude<keyofObjects.TelegramUpdate,"update_id">`, "string")
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		w = w[strings.LastIndex(w, ".")+1:]
		return cmp.Or(basic[w], strings.TrimPrefix(w, "Telegram"))
	})
	depth := 0
	for strings.HasSuffix(text, "[]") && (strings.HasPrefix(text, "(") || !strings.Contains(text, "|")) {
		text, depth = strings.TrimSuffix(text, "[]"), depth+1
	}
	some := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("|()", r) })
	return strings.Repeat("[", depth) + strings.Join(some, "|") + strings.Repeat("]", depth)
}
