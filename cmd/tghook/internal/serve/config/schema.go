package config

import (
	"bytes"
	_ "embed"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/tghook/tghook/internal/spelling"
)

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema of the file.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// A schema checks the form of values: their fields and types.
type schema struct {
	compiled *jsonschema.Schema
	document any // the schema itself, which has the texts of mistakes
}

// fileSchema is the schema of the file, and botSchema that of a bot in a request.
var (
	fileSchema = sync.OnceValue(func() *schema { return newSchema("", nil) })
	botSchema  = sync.OnceValue(func() *schema { return newSchema("#/$defs/bot", inRequest) })
)

// inRequest are the definitions that differ in a request. It gives secrets and certificates
// themselves, because its sender must not read what the gateway can read.
var inRequest = map[string]any{
	"secret": map[string]any{
		"type": "string", "minLength": 1,
		"errorMessage": "must be a string that is not empty: a request cannot use the environment and the files of the gateway",
	},
	"certificate": map[string]any{
		"type":         "string",
		"errorMessage": "must be a string with certificates in PEM",
	},
}

// newSchema returns the part of schema.json that a fragment names, with other definitions.
func newSchema(fragment string, definitions map[string]any) *schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic(err) // schema.json is a part of the program
	}
	root := document.(map[string]any)
	maps.Copy(root["$defs"].(map[string]any), definitions)
	const address = "tghook:config"
	delete(root, "$id")
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(address, document); err != nil {
		panic(err)
	}
	return &schema{compiler.MustCompile(address + fragment), document}
}

// check adds a mistake for everything in v that has another form than the schema says.
func (s *schema) check(v *value, r *reader) {
	var failed *jsonschema.ValidationError
	if errors.As(s.compiled.Validate(v.json()), &failed) {
		s.explain(failed, v, r)
	}
}

// explain adds the mistakes that an error of the schema library stands for.
func (s *schema) explain(e *jsonschema.ValidationError, root *value, r *reader) {
	v := root.within(e.InstanceLocation)
	if v == nil || r.full() {
		return
	}
	switch found := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference:
		for _, cause := range e.Causes {
			s.explain(cause, root, r)
		}
	case *kind.AnyOf:
		if cause := meant(e); cause != nil {
			s.explain(cause, root, r)
			return
		}
		r.wrongf(v, "%s", v.mustBe(s.message(e.SchemaURL)))
	case *kind.AdditionalProperties:
		s.explainUnknown(found.Properties, e.SchemaURL, v, r)
	case *kind.Required:
		for _, name := range found.Missing {
			r.wrongf(v.member(name, v.line), "is missing; it %s", s.message(e.SchemaURL+"/properties/"+name))
		}
	case *kind.PropertyNames: // names are checked where they are read
	default:
		text := s.message(e.SchemaURL)
		if text == "" {
			text = "must have fields of its own: " + strings.Join(s.fields(e.SchemaURL), ", ")
		}
		r.wrongf(v, "%s", v.mustBe(text))
	}
}

// explainUnknown adds the mistakes for members of v that the schema at an address does not have.
func (s *schema) explainUnknown(names []string, address string, v *value, r *reader) {
	if text := s.message(address); text != "" { // a name in place of a secret may be the secret
		r.wrongf(v, "%s", text)
		return
	}
	fields := s.fields(address)
	for _, name := range names {
		if r.full() {
			return
		}
		r.wrongf(v.at(name), "%s", unknownField(name, fields))
	}
}

// meant returns the error of the only alternative that has the type of the value; nil if none
// has, or several have.
func meant(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	typed := slices.DeleteFunc(slices.Clone(e.Causes), func(c *jsonschema.ValidationError) bool {
		return mistyped(c, len(e.InstanceLocation))
	})
	if len(typed) != 1 {
		return nil
	}
	return typed[0]
}

// mistyped reports whether an error is that the value at a depth has another type.
func mistyped(e *jsonschema.ValidationError, depth int) bool {
	if _, ok := e.ErrorKind.(*kind.Type); ok {
		return len(e.InstanceLocation) == depth
	}
	if _, ok := e.ErrorKind.(*kind.Reference); ok {
		return slices.ContainsFunc(e.Causes, func(c *jsonschema.ValidationError) bool { return mistyped(c, depth) })
	}
	return false
}

// maxName is how many bytes of a name are compared with others.
const maxName = 64

func unknownField(name string, known []string) string {
	if near := spelling.Nearest(name[:min(len(name), maxName)], known); near != "" {
		return "there is no such field; do you mean " + near + "?"
	}
	return "there is no such field; the fields are " + strings.Join(known, ", ")
}

// message returns the text for a value that does not fit the schema at an address.
func (s *schema) message(address string) string {
	part := s.at(address)
	if text, ok := part["errorMessage"].(string); ok {
		return text
	}
	if ref, ok := part["$ref"].(string); ok {
		return s.message(ref)
	}
	return ""
}

// fields returns the names of the fields of the schema at an address.
func (s *schema) fields(address string) (names []string) {
	properties, _ := s.at(address)["properties"].(map[string]any)
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// at returns the part of the schema at an address.
func (s *schema) at(address string) map[string]any {
	_, pointer, _ := strings.Cut(address, "#")
	pointer, _ = url.PathUnescape(pointer)
	part := s.document
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch p := part.(type) {
		case map[string]any:
			if step != "" {
				part = p[step]
			}
		case []any:
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(p) {
				part = p[i]
			}
		}
	}
	object, _ := part.(map[string]any)
	return object
}
