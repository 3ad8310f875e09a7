package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

func schema(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	require.NoError(t, json.Unmarshal(config.Schema(), &document))
	return document
}

func TestTheSchemaIsAJSONSchema(t *testing.T) {
	document := schema(t)
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", document["$schema"])
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", document))
	_, err := compiler.Compile("schema.json")
	require.NoError(t, err)
}

func TestTheSchemaIsACopy(t *testing.T) {
	config.Schema()[0] = 'x'
	require.Equal(t, byte('{'), config.Schema()[0])
}

// Editors show the description of a field, and the errorMessage of a value that does not fit.
func TestEveryPartOfTheSchemaExplainsItself(t *testing.T) {
	fields := 0
	var walk func(place string, v any)
	walk = func(place string, v any) {
		part, ok := v.(map[string]any)
		if !ok {
			return
		}
		properties, _ := part["properties"].(map[string]any)
		for name, field := range properties {
			fields++
			require.NotEmpty(t, field.(map[string]any)["description"], "%s.%s", place, name)
			walk(place+"."+name, field)
		}
		if properties != nil {
			require.Equal(t, false, part["additionalProperties"], place)
		}
		_, ref := part["$ref"]
		if !ref && properties == nil {
			require.NotEmpty(t, part["errorMessage"], place)
		}
		for _, key := range []string{"items", "propertyNames", "additionalProperties"} {
			walk(place+"."+key, part[key])
		}
		alternatives, _ := part["anyOf"].([]any)
		for i, alternative := range alternatives {
			walk(fmt.Sprintf("%s|%d", place, i), alternative)
		}
	}
	document := schema(t)
	walk("", document)
	definitions := document["$defs"].(map[string]any)
	for name, definition := range definitions {
		walk(name, definition)
	}
	require.Greater(t, fields, 50)
}

func TestTheSchemaKnowsEveryKind(t *testing.T) {
	kinds := schema(t)["$defs"].(map[string]any)["kinds"].(map[string]any)["anyOf"].([]any)[1].(map[string]any)["items"].(map[string]any)["examples"]
	require.Equal(t, strings.Join(webhook.Kinds(), " "), strings.Trim(fmt.Sprint(kinds), "[]"))
}

// A file in which every default of the schema is written down is the same as one without.
func TestTheDefaultsOfTheSchemaAreThoseOfTheProgram(t *testing.T) {
	document := schema(t)
	definitions := document["$defs"].(map[string]any)
	defaults := func(part map[string]any) map[string]any {
		found := map[string]any{}
		for name, field := range part["properties"].(map[string]any) {
			if value, ok := field.(map[string]any)["default"]; ok {
				found[name] = value
			}
		}
		return found
	}
	properties := document["properties"].(map[string]any)
	file := defaults(document)
	for _, section := range []string{"storage", "dead_letters", "log"} {
		file[section] = defaults(properties[section].(map[string]any))
	}
	history := properties["history"].(map[string]any)["anyOf"].([]any)[1].(map[string]any)
	file["history"] = defaults(history)
	target := defaults(definitions["to"].(map[string]any)["anyOf"].([]any)[1].(map[string]any))
	target["url"] = "http://127.0.0.1:9000"
	shop := defaults(definitions["bot"].(map[string]any))
	shop["token"], shop["to"] = map[string]any{"env": "TOKEN"}, target
	file["bots"] = map[string]any{"shop": shop}
	text, err := json.Marshal(file)
	require.NoError(t, err)
	require.GreaterOrEqual(t, strings.Count(string(text), ":"), 25, "%s", slices.Sorted(maps.Keys(file)))

	folder(t, map[string]string{fileName: string(text)})
	with, err := config.Load(fileName)
	require.NoError(t, err)
	write(t, fileName, "history: {}\n"+bot)
	without, err := config.Load(fileName)
	require.NoError(t, err)
	require.True(t, equal(with, without), "%s", text)
}
