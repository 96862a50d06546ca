package canon_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"wabagate/fanout/canon"
)

// corpus is valid JSON without the numbers that canon keeps as strings.
var corpus = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `null`, ` [ 1 , 2 ] `,
	`{"event":"message.received","text":"Hi 👋🏽 – مرحبا <b>&amp;</b> \"quoted\" 'single' \u2028\u2029 \\ /"}`,
	"{\"raw\":\"line\u2028sep\u2029 \u007f é 漢字 🇧🇷\"}",
	`"\u0000\u0001\b\t\n\u000b\f\r\u001f\/\u0020\u007F\u0080"`,
	`"\ud83d\ude00 \ud83d \ude00 \uD83D\uD83D\uDE00 \udbff\udfff"`,
	`{"b":1,"2":2,"a":3,"1":4,"01":5,"-1":6,"1e3":7,"4294967294":8,"4294967295":9,"4294967296":10,"10":11}`,
	`{"a":1,"b":2,"a":{"c":1,"c":2},"__proto__":1,"constructor":2,"":3,"":4}`,
	`{"\u0031":1,"z":2,"1":3}`,
	`[1.0,1.10,-0.0,0.1,100,1e2,1E2,1e+2,1e-2,123456789.125,0.000001,0.0000001,1.5e-9,-1.5e-9]`,
	`[1e20,1e21,1.5e21,123456789012345680000,1e22,1e23,5e-324,1e-400,1.7976931348623157e308,9007199254740993.0]`,
	`[9007199254740991,9007199254740992,999999999999999,1000000000000000,-23.550520000000001,0.30000000000000004]`,
	`[4.35,0.1e1,2.2250738585072014e-308,1.1e-7,12e-8,1793491200,1200000000000001]`,
	`{"deep":[[[[{"k":[{"9":{},"x":[],"3":[]}]}]]]]}`,
}

// The definition of the canonical form is what JavaScript does, so JavaScript is asked.
func TestAppendAgreesWithNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not on PATH: the canonical form is not compared with JavaScript's")
	}
	in, err := json.Marshal(corpus)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "-e", `
		const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
		for (const t of texts) process.stdout.write(JSON.stringify(JSON.parse(t)) + '\n');`)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(corpus) {
		t.Fatalf("%d answers for %d texts", len(lines), len(corpus))
	}
	for i, text := range corpus {
		got, err := canon.Append(nil, []byte(text))
		if err != nil || string(got) != lines[i] {
			t.Errorf("%s\n got %s, %v\nnode %s", text, got, err, lines[i])
		}
	}
}
