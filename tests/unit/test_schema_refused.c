/* JSON Schema: what is no schema, and where. */
#include "schema_case.h"

static const struct {
    const char *schema, *problems; /* the beginning of what is said */
} refused[] = {
    {"1", ": expected a schema (an object, true or false), not 1"},
    {"[]", ": expected a schema"},
    {"null", ": expected a schema"},
    {"{'propertys':{}}", "propertys: unknown keyword, did you mean 'properties'?"},
    {"{'minLenght':1}", "minLenght: unknown keyword, did you mean 'minLength'?"},
    {"{'properties':{'a':{'requird':[]}}}",
     "properties.a.requird: unknown keyword, did you mean 'required'?"},
    {"{'x-mine':1}", "x-mine: unknown keyword"},
    {"{'definitions':{}}", "definitions: of an older draft: write $defs"},
    {"{'nullable':true}", "nullable: of another language"},
    {"{'unevaluatedProperties':false}", "unevaluatedProperties: not supported: write"},
    {"{'dependentRequired':{}}", "dependentRequired: not supported"},
    {"{'$anchor':'a'}", "$anchor: not supported"},
    {"{'type':'strnig'}",
     "type: \"strnig\" is no type, did you mean 'string'?: expected null, boolean"},
    {"{'type':1}", "type: expected a type or a list of types, not 1"},
    {"{'type':[]}", "type: expected at least one type"},
    {"{'type':['string','string']}", "type[1]: \"string\" stands there twice"},
    {"{'type':['string',null]}", "type[1]: expected a type"},
    {"{'enum':1}", "enum: expected a list of values, not 1"},
    {"{'enum':[]}", "enum: expected at least one value"},
    {"{'minimum':'1'}", "minimum: expected a number, not \"1\""},
    {"{'exclusiveMinimum':true}", "exclusiveMinimum: expected a number, not true"},
    {"{'multipleOf':0}", "multipleOf: expected a number above 0"},
    {"{'multipleOf':-1}", "multipleOf: expected a number above 0"},
    {"{'multipleOf':1234567890123456789}", "multipleOf: expected a number above 0 of at most 18"},
    {"{'minLength':-1}", "minLength: expected a whole number not below 0, not -1"},
    {"{'maxLength':1.5}", "maxLength: expected a whole number not below 0, not 1.5"},
    {"{'minItems':'1'}", "minItems: expected a whole number"},
    {"{'maxItems':1e30}", "maxItems: expected a whole number"},
    {"{'uniqueItems':1}", "uniqueItems: expected true or false, not 1"},
    {"{'pattern':'('}", "pattern: no regular expression (of RE2): missing"},
    {"{'pattern':'(?=a)'}", "pattern: no regular expression (of RE2)"},
    {"{'pattern':1}", "pattern: expected a regular expression, not 1"},
    {"{'patternProperties':{'[':true}}", "patternProperties[\"[\"]: no regular expression"},
    {"{'patternProperties':[]}", "patternProperties: expected an object of schemas, not []"},
    {"{'format':'emial'}", "format: no format is called 'emial', did you mean 'email'?: known are"},
    {"{'format':'ipv4'}", "format: no format is called 'ipv4': known are"},
    {"{'format':1}", "format: expected the name of a format, not 1"},
    {"{'properties':[]}", "properties: expected an object of schemas, not []"},
    {"{'properties':{'a':1}}", "properties.a: expected a schema (an object, true or false), not 1"},
    {"{'required':true}", "required: expected a list of names, not true"},
    {"{'required':[1]}", "required[0]: expected a name, not 1"},
    {"{'required':['a','b','\\u0061']}", "required: 'a' stands there twice"},
    {"{'items':[{}]}", "items: expected a schema, not a list: that is prefixItems"},
    {"{'prefixItems':{}}", "prefixItems: expected a list of schemas, not {}"},
    {"{'prefixItems':[]}", "prefixItems: expected at least one schema"},
    {"{'allOf':[]}", "allOf: expected at least one schema"},
    {"{'anyOf':[1]}", "anyOf[0]: expected a schema"},
    {"{'oneOf':{}}", "oneOf: expected a list of schemas, not {}"},
    {"{'not':'x'}", "not: expected a schema"},
    {"{'if':1}", "if: expected a schema"},
    {"{'$defs':{'a':{'type':'x'}}}", "$defs.a.type: \"x\" is no type"},
    {"{'$schema':'http://json-schema.org/draft-07/schema#'}",
     "$schema: \"http://json-schema.org/draft-07/schema#\" is not what is checked here"},
    {"{'items':{'$schema':'https://json-schema.org/draft/2020-12/schema'}}",
     "items.$schema: belongs to the top"},
    {"{'items':{'$id':'a'}}", "items.$id: would begin a document of its own"},
    {"{'title':1}", "title: expected a string, not 1"},
    {"{'examples':1}", "examples: expected a list, not 1"},
    {"{'deprecated':1}", "deprecated: expected true or false, not 1"},
    {"{'type':'x','minimum':'y'}",
     "type: \"x\" is no type: expected null, boolean, integer, number, "
     "string, array or object; minimum: expected a number"},

    {"{'$ref':1}", "$ref: expected a reference, not 1"},
    {"{'$ref':'#/$defs/a'}", "$ref: \"#/$defs/a\" leads nowhere"},
    {"{'$ref':'#/$defs/b','$defs':{'a':true}}", "$ref: \"#/$defs/b\" leads nowhere"},
    {"{'$ref':'#/allOf/01','allOf':[true,true]}", "$ref: \"#/allOf/01\" leads nowhere"},
    {"{'$ref':'#/allOf/2','allOf':[true,true]}", "$ref: \"#/allOf/2\" leads nowhere"},
    {"{'$ref':'other.json'}", "$ref: \"other.json\" leads out of this document"},
    {"{'$ref':'#a'}", "$ref: \"#a\" leads out of this document"},
    {"{'$ref':''}", "$ref: \"\" leads out of this document"},
    {"{'$ref':'#/$defs','$defs':{}}", "$ref: \"#/$defs\" leads to what is no schema"},
    {"{'$ref':'#/default','default':{}}", "$ref: \"#/default\" leads to what is no schema"},
    {"{'$ref':'#/$defs/~2','$defs':{}}", "$ref: \"#/$defs/~2\" is no pointer"},
    {"{'$ref':'#/$defs/%4','$defs':{}}", "$ref: \"#/$defs/%4\" is no pointer"},
    {"{'$ref':'#'}", ": leads back to itself"},
    {"{'allOf':[{'$ref':'#'}]}", ": leads back to itself"},
    {"{'$defs':{'a':{'not':{'$ref':'#/$defs/b'}},'b':{'if':{'$ref':'#/$defs/a'}}},'$ref':"
     "'#/$defs/a'}",
     ": leads back to itself"},
};

static void not_schemas(void **state)
{
    unsigned wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct text text;
        struct arena arena;
        struct schema_report report;
        arena_init(&arena, 0);
        schema_report_init(&report, &arena, 10);
        struct schema *schema = schema_compile(read_json(&text, refused[i].schema), &report);
        const char *all = all_of(&report, &arena);
        if (schema || report.count == 0 ||
            strncmp(all, refused[i].problems, strlen(refused[i].problems)) != 0) {
            print_error("%s\n  says  %s\n  not   %s\n", refused[i].schema, all,
                        refused[i].problems);
            wrong++;
        }
        schema_free(schema);
        arena_free(&arena);
        arena_free(&text.arena);
    }
    assert_int_equal(wrong, 0);
}

static void schema_positions(void **state)
{
    struct text text;
    struct arena arena;
    struct schema_report report;
    (void)state;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 10);
    /* A part of a larger document: positions are those of the whole. */
    struct json_ref root = read_json(
        &text,
        "{'before': [1, 2],\n 'schema': {'type': 'object',\n  'propertys': {}, '$ref': '#/x'}}");
    assert_null(schema_compile(json_member(root, SLICE("schema")), &report));
    assert_int_equal(report.count, 1);
    assert_int_equal(report.items[0].position.line, 3);
    assert_int_equal(report.items[0].position.column, 3);
    arena_free(&text.arena);
    schema_report_init(&report, &arena, 10);
    root = read_json(&text, "{'before': [1, 2],\n 'schema': {'type': 'object',\n  '$ref': '#/x'}}");
    assert_null(schema_compile(json_member(root, SLICE("schema")), &report));
    assert_int_equal(report.count, 1);
    assert_int_equal(report.items[0].position.line, 3);
    assert_int_equal(report.items[0].position.column, 11);
    arena_free(&text.arena);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_schemas),
        cmocka_unit_test(schema_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
