package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/api"
)

var update = flag.Bool("update", false, "write words.json anew")

// What the document says of a field is the comment that the field has where it is declared.
func TestOpenAPIWords(t *testing.T) {
	fields, err := api.DescribedFields()
	require.NoError(t, err)
	said := map[string]string{}
	for path, names := range fields {
		if path == "" {
			continue // a struct without a name
		}
		for field, comment := range commentsIn(t, filepath.Join("..", strings.TrimPrefix(path, "wabagate/"))) {
			if slices.Contains(names, field) {
				said[field] = comment
			}
		}
	}
	require.Greater(t, len(said), 100)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(said))
	if *update {
		require.NoError(t, os.WriteFile("words.json", text.Bytes(), 0o600))
		return
	}
	require.Equal(t, text.String(), string(api.Words()), "comments have changed: go test ./api -run TestOpenAPIWords -update")
}

// commentsIn are the comments of the fields of a package's structs, by package.type.field.
func commentsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, dir)
	comments := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			declared, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if of, ok := declared.Type.(*ast.StructType); ok {
				for _, f := range of.Fields.List {
					for _, id := range f.Names {
						said := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
						for _, begins := range []string{" is ", " are "} {
							said = strings.TrimPrefix(said, id.Name+begins)
						}
						if said != "" {
							comments[file.Name.Name+"."+declared.Name.Name+"."+id.Name] = said
						}
					}
				}
			}
			return true
		})
	}
	return comments
}
