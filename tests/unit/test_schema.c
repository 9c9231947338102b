/* JSON Schema: what fits, what does not and why. */
#include "schema_case.h"

/* --- what fits --- */

/* Values that fit begin with '+', others with '-'. */
struct row {
    const char *schema;
    const char *values[24];
};

static const struct row rows[] = {
    {"true", {"+1", "+null", "+{}", "+[]", "+'x'"}},
    {"false", {"-1", "-null", "-{}"}},
    {"{}", {"+1", "+null", "+{'a':[1]}"}},

    /* type */
    {"{'type':'null'}", {"+null", "-0", "-false", "-''", "-[]", "-{}"}},
    {"{'type':'boolean'}", {"+true", "+false", "-0", "-null", "-'true'"}},
    {"{'type':'number'}", {"+0", "+-1.5", "+1e400", "-'1'", "-null"}},
    {"{'type':'integer'}",
     {"+0", "+-7", "+1.0", "+1e2", "+1.50e1", "+12345678901234567890123", "+0.0", "+-0",
      "+1e999999999999999999", "-1.5", "-1e-1", "-0.1e0", "-12345678901234567890123.5",
      "-1e-999999999999999999", "-'1'", "-true"}},
    {"{'type':'string'}", {"+''", "+'x'", "-1", "-null", "-[]"}},
    {"{'type':'array'}", {"+[]", "+[1]", "-{}", "-'[]'"}},
    {"{'type':'object'}", {"+{}", "+{'a':1}", "-[]", "-null"}},
    {"{'type':['string','null']}", {"+''", "+null", "-0", "-{}"}},
    {"{'type':['integer','string']}", {"+1", "+'a'", "-1.5", "-null"}},
    {"{'type':['integer','number']}", {"+1", "+1.5", "-null"}},

    /* enum, const: by value */
    {"{'enum':[1,'a',null,[1,2],{'a':1,'b':[2]}]}",
     {"+1", "+1.0", "+10e-1", "+'a'", "+'\\u0061'", "+null", "+[1,2]", "+[1.0,2]",
      "+{'b':[2],'a':1}", "+{'a':1.00,'b':[2e0]}", "-2", "-'A'", "-true", "-[2,1]", "-[1]",
      "-{'a':1}", "-{'a':1,'b':[2],'c':3}", "-{'a':1,'c':[2]}", "-'1'"}},
    {"{'const':0}", {"+0", "+-0", "+0.0", "+0e5", "+-0.00e-7", "-1", "-false", "-''", "-null"}},
    {"{'const':9007199254740993}",
     {"+9007199254740993", "+9007199254740993.0", "-9007199254740992", "-9007199254740994"}},
    {"{'const':0.1}", {"+0.1", "+0.10", "+1e-1", "-0.1000000000000000055511151231257827"}},
    {"{'const':1e100000000000000000000}", {"+1e100000000000000000000", "-1e5"}},
    {"{'const':'é'}", {"+'é'", "+'\\u00e9'", "+'\\u00E9'", "-'e'", "-'É'"}},
    {"{'const':'\\u00e9\\n'}", {"+'é\\n'", "+'\\u00e9\\u000a'", "-'é'"}},
    {"{'const':'\\ud83d\\ude00'}", {"+'😀'", "+'\\uD83D\\uDE00'", "-'\\ud83d\\ude01'"}},
    {"{'const':{'a':{'b':[]}}}", {"+{'a':{'b':[]}}", "-{'a':{'b':{}}}", "-{'a':{}}", "-[]"}},
    {"{'const':{'\\u0061':1}}", {"+{'a':1}", "+{'\\u0061':1}", "-{'b':1}"}},
    {"{'const':null}", {"+null", "-0", "-false"}},
    {"{'const':false}", {"+false", "-true", "-0", "-null", "-[]"}},

    /* numbers */
    {"{'minimum':3}",
     {"+3", "+3.0", "+30e-1", "+4", "+1e400", "-2.9999999999999999999", "-2", "-0", "--3", "-3e-1",
      "+'1'", "+null"}},
    {"{'maximum':3}", {"+3", "+2.9", "+-1e400", "-3.0000000000000000001", "-4", "-3e1", "+'9'"}},
    {"{'exclusiveMinimum':3}", {"+3.0000000000000000001", "+4", "-3", "-3.0", "-2"}},
    {"{'exclusiveMaximum':-3}", {"+-3.1", "+-4", "--3", "--3.00", "--2", "-0", "-3"}},
    {"{'minimum':-0.5,'maximum':0}", {"+-0.5", "+0", "+-0", "+-0.1e0", "--0.51", "-1e-300"}},
    {"{'maximum':9007199254740992}",
     {"+9007199254740992", "-9007199254740993", "-9007199254740992.5",
      "-9007199254740992000000000"}},
    {"{'minimum':123456789012345678901234567890}",
     {"+123456789012345678901234567890", "+1.23456789012345678901234567890e29",
      "-123456789012345678901234567889", "-1e29", "+1e30"}},
    {"{'minimum':0.000000000000000000001}",
     {"+1e-21", "+0.0000000000000000000010", "-9e-22", "-0"}},
    {"{'multipleOf':3}",
     {"+0", "+3", "+-9", "+3e2", "+300000000000000000000000000000", "-1", "-10", "-1.5", "-3.1",
      "-300000000000000000000000000001"}},
    {"{'multipleOf':0.01}",
     {"+1", "+0.01", "+19.99", "+4.35", "+1e300", "+-0.07", "-0.001", "-0.015", "-1e-3",
      "-19.999"}},
    {"{'multipleOf':0.1}", {"+0.3", "+1.1", "+0", "-0.35"}},
    {"{'multipleOf':1.5}", {"+3", "+4.5", "+15e-1", "-1", "-2", "-4"}},
    {"{'multipleOf':7e3}", {"+7000", "+14e3", "+0", "-7", "-700", "-7001"}},
    {"{'multipleOf':123456789012345678}",
     {"+123456789012345678", "+1234567890123456780", "+15241578753238836527968299765279684",
      "-15241578753238836527968299765279685", "-1"}},
    {"{'multipleOf':1e-8}", {"+12391239123", "+0.00000001", "-0.000000001"}},
    {"{'multipleOf':3}", {"+3e400000000", "-1e400000000"}},

    /* strings */
    {"{'minLength':2}",
     {"+'ab'", "+'äö'", "+'\\u00e4b'", "+'😀😀'", "-'a'", "-'ä'", "-'😀'", "-'\\ud83d\\ude00'", "-''",
      "+1", "+[]"}},
    {"{'maxLength':2}",
     {"+''", "+'ab'", "+'😀😀'", "+'\\ud83d\\ude00\\ud83d\\ude00'", "-'abc'", "-'😀😀😀'", "+12345"}},
    {"{'minLength':2.0,'maxLength':2e0}", {"+'ab'", "-'a'", "-'abc'"}},
    {"{'pattern':'^a+$'}", {"+'a'", "+'aaa'", "+'\\u0061'", "-''", "-'ab'", "-'a\\n'", "+1"}},
    {"{'pattern':'b'}", {"+'abc'", "+'b'", "-'ac'"}},
    {"{'pattern':'^\\\\d{3}$'}", {"+'123'", "-'12'", "-'12a'", "-'١٢٣'"}},
    {"{'pattern':'^é.$'}", {"+'éx'", "+'é😀'", "-'é'"}},
    {"{'pattern':''}", {"+''", "+'x'"}},

    /* formats */
    {"{'format':'date-time'}",
     {"+'2026-01-31T12:00:00Z'",
      "+'2026-01-31t12:00:00.123456z'",
      "+'2024-02-29T23:59:59+05:30'",
      "+'1998-12-31T23:59:60Z'",
      "+'1998-12-31T15:59:60.1-08:00'",
      "+'1999-01-01T08:59:60+09:00'",
      "+'0000-01-01T00:00:00-00:00'",
      "-'2026-02-29T12:00:00Z'",
      "-'2026-13-01T12:00:00Z'",
      "-'2026-00-01T12:00:00Z'",
      "-'2026-01-00T12:00:00Z'",
      "-'2026-01-31 12:00:00Z'",
      "-'2026-01-31T24:00:00Z'",
      "-'2026-01-31T12:60:00Z'",
      "-'1998-12-31T22:59:60Z'",
      "-'2026-01-31T12:00:00'",
      "-'2026-01-31T12:00:00.Z'",
      "-'2026-01-31T12:00:00+5:30'",
      "-'2026-01-31T12:00:00+24:00'",
      "-'2026-01-31T12:00:00Zx'",
      "-'2026-1-31T12:00:00Z'",
      "-''",
      "+5"}},
    {"{'format':'email'}",
     {"+'a@b.c'", "+'first.last+tag@sub.example.org'", "+'!#$%&*@x'", "+'\\u0061@b'",
      "+'\\\"a b\\\"@example.org'", "-'a'", "-'@b'", "-'a@'", "-'.a@b'", "-'a.@b'", "-'a..b@c'",
      "-'a b@c'", "-'a@-b'", "-'a@b-'", "-'a@b..c'", "-'a@b.'", "-'ä@b'", "-'a@b_c'", "+{}"}},
    {"{'format':'uri'}",
     {"+'https://example.org/a?b=c#d'",
      "+'urn:isbn:123'",
      "+'mailto:a@b'",
      "+'x:'",
      "+'http://[::1]:8080/'",
      "+'http://u:p@h:1/%20'",
      "+'file:///a'",
      "+'http://[v1.a]/'",
      "-'/a'",
      "-'example.org'",
      "-''",
      "-':a'",
      "-'1a:b'",
      "-'http://a b'",
      "-'http://a/%2'",
      "-'http://a/%zz'",
      "-'http://[::1'",
      "-'http://a:x/'",
      "-'http://a/#b#c'",
      "-'http://a/<b>'",
      "-'http://ä/'",
      "-'http://[1]/'",
      "-'a\\\\b:c'"}},
    {"{'format':'uuid'}",
     {"+'01926f3a-5c1e-7000-8000-3f2a9c4d0007'", "+'01926F3A-5C1E-7000-8000-3F2A9C4D0007'",
      "-'01926f3a5c1e70008000-3f2a9c4d0007'", "-'01926f3a-5c1e-7000-8000-3f2a9c4d000'",
      "-'01926f3a-5c1e-7000-8000-3f2a9c4d00071'", "-'01926g3a-5c1e-7000-8000-3f2a9c4d0007'",
      "-''"}},

    /* arrays */
    {"{'items':{'type':'integer'}}", {"+[]", "+[1,2]", "-[1,'a']", "-[null]", "+{}", "+'x'"}},
    {"{'items':false}", {"+[]", "-[1]", "+{}"}},
    {"{'prefixItems':[{'type':'string'},{'type':'integer'}]}",
     {"+[]", "+['a']", "+['a',1]", "+['a',1,null]", "-[1]", "-['a','b']"}},
    {"{'prefixItems':[{'type':'string'}],'items':{'type':'integer'}}",
     {"+['a',1,2]", "+['a']", "+[]", "-['a','b']", "-[1,1]"}},
    {"{'prefixItems':[true],'items':false}", {"+[]", "+[1]", "-[1,2]"}},
    {"{'contains':{'minimum':5}}", {"+[1,5]", "+[6]", "-[]", "-[1,2]", "+['a']", "+{}"}},
    {"{'contains':{'type':'integer'},'minContains':2,'maxContains':3}",
     {"+[1,2]", "+[1,'a',2,3]", "-[1]", "-[1,2,3,4]", "-['a']"}},
    {"{'contains':{'type':'integer'},'minContains':0}", {"+[]", "+['a']", "+[1]"}},
    {"{'contains':{'type':'integer'},'minContains':0,'maxContains':1}", {"+[]", "+[1]", "-[1,2]"}},
    {"{'minContains':2,'maxContains':2}", {"+[]", "+[1]"}},
    {"{'minItems':1,'maxItems':2}", {"+[1]", "+[1,2]", "-[]", "-[1,2,3]", "+{}", "+'abc'"}},
    {"{'uniqueItems':true}",
     {"+[]",
      "+[1]",
      "+[1,2,'1',null,false,0]",
      "+[{'a':1},{'a':2}]",
      "+[[1],[2]]",
      "+[1,true]",
      "+[0,false]",
      "-[1,1]",
      "-[1,1.0]",
      "-[1,10e-1]",
      "-['a','\\u0061']",
      "-[{'a':1,'b':2},{'b':2,'a':1}]",
      "-[[1],[1.0]]",
      "-[null,null]",
      "+[9007199254740992,9007199254740993]",
      "-[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,3.0]",
      "+[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]",
      "-[1,2,3,4,5,6,7,8,{'a':[1,{'b':2}],'c':'\\u0061'},9,{'c':'a','a':[1e0,{'b':2.0}]}]",
      "+[1,2,3,4,5,6,7,8,{'a':1,'b':2},{'a':2,'b':1}]",
      "-[1,2,3,4,5,6,7,8,9,-0,0.0]",
      "+[true,false,null,'',0,[],{},'true','null',1,[0],{'a':0}]"}},
    {"{'uniqueItems':false}", {"+[1,1]"}},

    /* objects */
    {"{'properties':{'a':{'type':'integer'},'b':{'type':'string'}}}",
     {"+{}", "+{'a':1}", "+{'a':1,'b':'x','c':null}", "-{'a':'x'}", "-{'b':1}", "-{'\\u0061':'x'}",
      "+[]", "+'a'"}},
    {"{'properties':{'\\u0061b':false}}", {"+{'a':1}", "-{'ab':1}", "-{'a\\u0062':1}"}},
    {"{'properties':{'':{'const':1}}}", {"+{'':1}", "-{'':2}", "+{'a':2}"}},
    {"{'required':['a','\\u0062']}",
     {"+{'a':1,'b':2}", "+{'a':null,'b':null}", "-{'a':1}", "-{}", "+{'\\u0061':1,'b':1}", "+[]"}},
    {"{'required':[]}", {"+{}"}},
    {"{'additionalProperties':false}", {"+{}", "-{'a':1}", "+[]"}},
    {"{'properties':{'a':true},'additionalProperties':false}",
     {"+{}", "+{'a':1}", "-{'b':1}", "-{'a':1,'b':1}"}},
    {"{'properties':{'a':true},'additionalProperties':{'type':'integer'}}",
     {"+{'a':'x','b':1}", "-{'b':'x'}"}},
    {"{'patternProperties':{'^x-':{'type':'string'},'n$':{'minLength':2}}}",
     {"+{'x-a':'s'}", "+{'x-n':'ab'}", "-{'x-n':'a'}", "-{'x-a':1}", "-{'\\u0078-a':1}", "+{'a':1}",
      "+{'n':1}"}},
    {"{'properties':{'ab':{'type':'integer'}},'patternProperties':{'^a':{'minimum':3}},"
     "'additionalProperties':false}",
     {"+{'ab':3}", "+{'a':'x'}", "-{'ab':2}", "-{'ab':'x'}", "-{'b':1}", "-{'a':1}"}},
    {"{'minProperties':1,'maxProperties':2}",
     {"+{'a':1}", "+{'a':1,'b':2}", "-{}", "-{'a':1,'b':2,'c':3}", "+[]"}},

    /* the same value again */
    {"{'allOf':[{'minimum':1},{'maximum':3}]}", {"+1", "+3", "-0", "-4", "+'x'"}},
    {"{'anyOf':[{'type':'string'},{'minimum':3}]}", {"+'x'", "+3", "-1", "+null"}},
    {"{'oneOf':[{'multipleOf':2},{'multipleOf':3}]}", {"+2", "+3", "-6", "-1", "-'x'"}},
    {"{'not':{'type':'string'}}", {"+1", "-'x'"}},
    {"{'not':{}}", {"-1", "-{}"}},
    {"{'not':{'not':{'type':'integer'}}}", {"+1", "-'x'"}},
    {"{'not':{'required':['a']}}", {"+{}", "-{'a':1}", "-1"}},
    {"{'if':{'properties':{'t':{'const':'a'}},'required':['t']},'then':{'required':['x']},"
     "'else':{'required':['y']}}",
     {"+{'t':'a','x':1}", "+{'y':1}", "+{'t':'b','y':1}", "-{'t':'a'}", "-{'t':'b','x':1}", "-{}"}},
    {"{'if':{'type':'integer'},'then':{'minimum':3}}", {"+3", "+'x'", "-2"}},
    {"{'if':{'type':'integer'},'else':{'type':'string'}}", {"+3", "+'x'", "-null"}},
    {"{'then':false,'else':false}", {"+1"}},
    {"{'allOf':[true],'anyOf':[false,true],'oneOf':[false,true]}", {"+1"}},
    {"{'oneOf':[true,true]}", {"-1"}},

    /* references */
    {"{'$ref':'#/$defs/a','$defs':{'a':{'type':'integer'}}}", {"+1", "-'x'"}},
    {"{'$ref':'#/$defs/a','minimum':3,'$defs':{'a':{'type':'integer'}}}", {"+3", "-2", "-3.5"}},
    {"{'$defs':{'a/b~c d':{'type':'null'}},'items':{'$ref':'#/$defs/a~1b~0c%20d'}}",
     {"+[null]", "-[1]"}},
    {"{'properties':{'a':{'type':'integer'},'b':{'$ref':'#/properties/a'}}}",
     {"+{'a':1,'b':2}", "-{'b':'x'}"}},
    {"{'anyOf':[{'type':'null'},{'type':'array','items':{'$ref':'#/anyOf/0'}}]}",
     {"+null", "+[null]", "-[[]]", "-1"}},
    {"{'type':'object','properties':{'next':{'$ref':'#'}},'additionalProperties':false}",
     {"+{}", "+{'next':{'next':{}}}", "-{'next':{'next':{'x':1}}}", "-{'next':1}"}},
    {"{'$ref':'#/$defs/tree','$defs':{'tree':{'type':'object','properties':{'value':{'type':"
     "'integer'},'children':{'type':'array','items':{'$ref':'#/$defs/tree'}}},'required':"
     "['value']}}}",
     {"+{'value':1}", "+{'value':1,'children':[{'value':2,'children':[]},{'value':3}]}",
      "-{'value':1,'children':[{'children':[]}]}", "-{'children':[]}"}},
    {"{'$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/c'},'c':{'const':1}},'$ref':"
     "'#/$defs/a'}",
     {"+1", "-2"}},

    /* notes */
    {"{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':'https://example.org/a',"
     "'$comment':'c','title':'t','description':'d','default':{'x':[1]},'examples':[1],'deprecated':"
     "true,'readOnly':false,'writeOnly':true,'$defs':{}}",
     {"+1", "+{}"}},
    {"{'default':1,'type':'string'}", {"+'x'", "-1"}},
};

static bool check_one_value(const struct schema *schema, const struct row *row, const char *value)
{
    struct text text;
    struct schema_report silent, loud;
    struct arena arena;
    struct json_ref root = read_json(&text, value + 1);
    arena_init(&arena, 0);
    schema_report_init(&silent, &arena, 0);
    schema_report_init(&loud, &arena, 10);
    const enum schema_verdict wanted = value[0] == '+' ? SCHEMA_FITS : SCHEMA_DIFFERS;
    const enum schema_verdict verdict = schema_validate(schema, root, NULL, &silent);
    const enum schema_verdict again = schema_validate(schema, root, NULL, &loud);
    const bool good = verdict == wanted && again == wanted && silent.count == 0 &&
                      (loud.count > 0) == (wanted == SCHEMA_DIFFERS) &&
                      (loud.count == 0 || loud.items[0].position.line == 1);
    if (!good)
        print_error("%s of %s: %d, %d, %u problems\n", value, row->schema, (int)verdict, (int)again,
                    loud.count);
    arena_free(&arena);
    arena_free(&text.arena);
    return good;
}

static void values(void **state)
{
    unsigned wrong = 0, count = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schema *schema = compile(rows[i].schema);
        for (size_t v = 0; v < ARRAY_LEN(rows[i].values) && rows[i].values[v]; v++, count++)
            wrong += !check_one_value(schema, &rows[i], rows[i].values[v]);
        schema_free(schema);
    }
    assert_int_equal(wrong, 0);
    assert_true(count > 450);
}

/* --- what is said --- */

static const struct {
    const char *schema, *value, *problems;
} said[] = {
    {"{'type':'string'}", "1.50", ": expected a string, not 1.50"},
    {"{'type':['integer','string','null']}", "[]",
     ": expected null, a string or an integer, not an array"},
    {"{'properties':{'price':{'minimum':3}},'required':['price','name']}", "{'price':2}",
     ": 'name' is missing; price: expected a number not below 3, not 2"},
    {"{'items':{'properties':{'a b':{'multipleOf':0.01}}}}", "[{},{'a b':0.001}]",
     "[1][\"a b\"]: expected a multiple of 0.01, not 0.001"},
    {"{'items':{'properties':{'a':{'items':{'exclusiveMinimum':0}}}}}", "[{'a':[1,0,-1]}]",
     "[0].a[1]: expected a number above 0, not 0; [0].a[2]: expected a number above 0, not -1"},
    {"{'properties':{'colour':true,'size':true},'additionalProperties':false}",
     "{'color':1,'weight':2}",
     "color: unknown member, did you mean 'colour'?; weight: unknown member; known are: colour, "
     "size"},
    {"{'additionalProperties':false}", "{'a':1}", "a: unknown member; known are: none"},
    {"{'enum':['red','green',5]}", "'gren'",
     ": \"gren\" is none of \"red\", \"green\", 5; did you mean \"green\"?"},
    {"{'const':{'a':1}}", "{'a':2}", ": expected {\"a\":1}, not {\"a\":2}"},
    {"{'minLength':2,'pattern':'^b'}", "'a'",
     ": expected at least 2 characters, not 1; : expected text that matches ^b, not \"a\""},
    {"{'maxLength':1}", "'ab'", ": expected at most 1 character, not 2"},
    {"{'format':'uuid'}", "'x'", ": expected a UUID, not \"x\""},
    {"{'minItems':2,'uniqueItems':true}", "[1]", ": expected at least 2 elements, not 1"},
    {"{'maxItems':1,'uniqueItems':true}", "[7,8,7.0]",
     ": expected at most 1 element, not 3; [2]: equals element 0: none may stand there twice"},
    {"{'contains':{'minimum':5},'minContains':2}", "[5,1]",
     ": expected at least 2 elements as contains says, found 1"},
    {"{'contains':{'minimum':5},'maxContains':1}", "[5,6]",
     ": expected at most 1 element as contains says, found 2"},
    {"{'prefixItems':[{}],'items':false}", "[1,2]", "[1]: expected at most 1 element"},
    {"{'properties':{'a':false}}", "{'a':1}", "a: nothing may stand here"},
    {"{'minProperties':1}", "{}", ": expected at least 1 member, not 0"},
    {"{'anyOf':[{'type':'string'},{'type':'object','required':['id']}]}", "{'name':1}",
     ": fits none of 2 alternatives: (1) expected a string, not an object; (2) 'id' is missing"},
    {"{'properties':{'a':{'anyOf':[{'items':{'type':'string'}}]}}}", "{'a':['x',1]}",
     "a: a[1]: expected a string, not 1"},
    {"{'oneOf':[{'minimum':1},{'maximum':5},{'const':'x'}]}", "3",
     ": fits alternatives 1 and 2; expected to fit exactly one"},
    {"{'not':{'type':'null'}}", "null", ": is what must not stand here (not)"},
    {"{'if':{'type':'integer'},'then':{'minimum':3}}", "2",
     ": expected a number not below 3, not 2"},
    {"{'$ref':'#/$defs/a','$defs':{'a':{'items':{'type':'null'}}}}", "[null,1]",
     "[1]: expected null, not 1"},
    {"{'allOf':[{'minimum':3},{'multipleOf':2}]}", "1",
     ": expected a number not below 3, not 1; : expected a multiple of 2, not 1"},
};

static void messages(void **state)
{
    unsigned wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct schema *schema = compile(said[i].schema);
        struct text text;
        struct arena arena;
        struct schema_report report;
        arena_init(&arena, 0);
        schema_report_init(&report, &arena, 10);
        struct json_ref root = read_json(&text, said[i].value);
        assert_int_equal(schema_validate(schema, root, NULL, &report), SCHEMA_DIFFERS);
        const char *all = all_of(&report, &arena);
        if (strcmp(all, said[i].problems) != 0) {
            print_error("%s of %s\n  says  %s\n  not   %s\n", said[i].value, said[i].schema, all,
                        said[i].problems);
            wrong++;
        }
        arena_free(&arena);
        arena_free(&text.arena);
        schema_free(schema);
    }
    assert_int_equal(wrong, 0);
}

static void places_and_limit(void **state)
{
    struct text text;
    struct arena arena;
    struct schema_report report;
    struct schema *schema = compile("{'items':{'type':'string'}}");
    (void)state;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 2);
    struct json_ref root = read_json(&text, "['a',\n  1,\n2, 3]");
    assert_int_equal(schema_validate(schema, root, NULL, &report), SCHEMA_DIFFERS);
    assert_int_equal(report.count, 2);
    assert_true(report.more);
    assert_string_equal(report.items[0].path, "[1]");
    assert_string_equal(report.items[0].keyword, "type");
    assert_int_equal(report.items[0].position.line, 2);
    assert_int_equal(report.items[0].position.column, 3);
    assert_int_equal(report.items[1].position.line, 3);
    /* A report may be used again. */
    arena_free(&text.arena);
    root = read_json(&text, "['a']");
    assert_int_equal(schema_validate(schema, root, NULL, &report), SCHEMA_FITS);
    assert_int_equal(report.count, 0);
    assert_false(report.more);
    arena_free(&text.arena);
    arena_free(&arena);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(messages),
        cmocka_unit_test(places_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
