package api

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// A field is one member of a JSON object, as the tags of a struct describe it.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	optional bool     // may be absent
	nullable bool     // may be null
	enum     []string // the values it may have; nil means any
	doc      string
}

// fieldsOf lists the members of a struct in order, those of embedded structs included.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" {
			continue
		}
		one := field{name: name, index: f.Index, typ: f.Type, optional: tagged && strings.HasPrefix(options, "omit"), doc: f.Tag.Get("doc")}
		one.nullable = f.Type.Kind() == reflect.Pointer && !one.optional && f.Tag.Get("null") != "never" || f.Type == reflect.TypeFor[clearable]()
		if enum := f.Tag.Get("enum"); enum != "" {
			one.enum = strings.Split(enum, ",")
		}
		fields = append(fields, one)
	}
	return fields
}

// object is a JSON object of the document.
type object = map[string]any

// schemas collects a JSON Schema (2020-12, as OpenAPI 3.1 uses it) for each struct it is asked about.
type schemas object

// of returns the schema of a type; that of a struct is a reference.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Interface: // whatever a method shows
		return object{}
	case t == reflect.TypeFor[objectText]():
		return object{"type": "object"}
	case t == reflect.TypeFor[clearable]():
		return object{"type": "string"}
	case t.Kind() == reflect.Struct:
		return s.ref(t)
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return object{"type": "integer"}
	}
	return object{"type": "object"}
}

func (s schemas) ref(t reflect.Type) object {
	name := strings.TrimSuffix(t.Name(), "JSON")
	name = strings.ToUpper(name[:1]) + name[1:]
	if s[name] == nil {
		s[name] = s.define(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (s schemas) define(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(t) {
		properties[f.name] = s.property(f)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	slices.Sort(required)
	return object{"type": "object", "properties": properties, "required": required}
}

func (s schemas) property(f field) object {
	p := s.of(f.typ)
	if f.enum != nil {
		p["enum"] = f.enum
	}
	if f.nullable && p["type"] != nil {
		p["type"] = []any{p["type"], "null"}
	} else if f.nullable {
		p = object{"oneOf": []any{p, object{"type": "null"}}}
	}
	if f.doc != "" {
		p["description"] = f.doc
	}
	return p
}
