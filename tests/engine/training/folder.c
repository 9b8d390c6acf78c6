#include "tests/engine/training/folder.h"

#include <glib/gstdio.h>

static const char *const images[] = {"a_0.jpg", "a_1.jpg", "b_0.jpg", "c_0.jpg", "d_0.jpg"};

char *folder_labels(void) {
  return g_strdup("image,patient_id,age,sex,view,findings,note\n"
                  "a_0.jpg,1,50,M,AP,Pneumonia|Effusion,\"quoted, with \"\"two\"\" marks\"\r\n"
                  "a_1.jpg,001,51,M,PA,No Finding,\n"
                  "b_0.jpg,2,7,F,PA,Cardiomegaly|Pneumonia,\n"
                  "\n"
                  "c_0.jpg,x3,30,F,AP,No Finding,\"two\nlines\"\n"
                  "d_0.jpg,4,80,M,AP,Pneumonia,\n");
}

char *folder_findings(void) {
  return g_strdup("[{\"image\":\"a_0.jpg\",\"boxes\":[{\"label\":\"Lung Opacity\",\"box\":[200,550,400,750],\"source\":\"rsna2018\"},"
                  "{\"label\":\"Effusion\",\"box\":[210,600,450.5,790],\"source\":\"chestxdet13\"}],"
                  "\"read\":{\"rsna2018\":{\"class\":\"Lung Opacity\"},\"chestxdet13\":{\"present\":[\"Effusion\"]}}},"
                  "{\"image\":\"a_1.jpg\",\"boxes\":[],\"read\":{\"rsna2018\":{\"class\":\"Normal\"}}},"
                  "{\"image\":\"d_0.jpg\",\"boxes\":[{\"label\":\"Pneumonia\",\"box\":[600,550,900,750],\"source\":\"nih_bbox2017\"}],\"read\":{}}]");
}

/* 36 boxes that matter only where a finding lies: right lung 20 with its lower zone 19, left lung 11, heart 4. */
char *folder_anatomy(void) {
  g_autoptr(GString) s = g_string_new("{\"images\":{");
  for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
    if (i == 3) {
      g_string_append(s, ",\"c_0.jpg\":{\"ok\":false,\"why\":[\"mirrored\"]}");
      continue;
    }
    g_string_append_printf(s, "%s\"%s\":{\"ok\":true,\"boxes\":[", i > 0 ? "," : "", images[i]);
    for (guint o = 0; o < 36; o++) {
      const char *box = o == 20 ? "[180,180,480,760]" : o == 19 ? "[180,540,480,760]" : o == 35 ? "[190,690,280,770]" : o == 11 ? "[580,180,950,760]" : o == 4 ? "[430,500,860,830]" : "[0,0,20,20]";
      g_string_append_printf(s, "%s%s", o > 0 ? "," : "", box);
    }
    g_string_append(s, "],\"visible\":[");
    for (guint o = 0; o < 36; o++)
      g_string_append_printf(s, "%s%d", o > 0 ? "," : "", i == 0 && o == 8 ? 0 : 1);
    g_string_append(s, "]}");
  }
  g_string_append(s, "}}");
  return g_strdup(s->str);
}

static void write_text(const char *dir, const char *name, const char *text) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

char *folder_new(const char *labels, const char *findings, const char *anatomy) {
  g_autofree char *own_labels = folder_labels(), *own_findings = folder_findings(), *own_anatomy = folder_anatomy();
  char *dir = g_dir_make_tmp("anatomix-data-XXXXXX", NULL);
  g_autofree char *pictures = g_build_filename(dir, "images", NULL);
  g_assert_cmpint(g_mkdir(pictures, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS(images); i++)
    write_text(pictures, images[i], "not read here");
  write_text(dir, "labels.csv", labels != NULL ? labels : own_labels);
  write_text(dir, "findings.json", findings != NULL ? findings : own_findings);
  write_text(dir, "anatomy.json", anatomy != NULL ? anatomy : own_anatomy);
  return dir;
}

void folder_remove(char *dir) {
  static const char *const files[] = {"labels.csv", "findings.json", "anatomy.json", "split.csv"};
  for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
    g_autofree char *path = g_build_filename(dir, "images", images[i], NULL);
    g_unlink(path);
  }
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(dir, files[i], NULL);
    g_unlink(path);
  }
  g_autofree char *pictures = g_build_filename(dir, "images", NULL);
  g_rmdir(pictures);
  g_rmdir(dir);
  g_free(dir);
}
