DROP DATABASE IF EXISTS staging {{on_cluster}};
DROP DATABASE IF EXISTS audit {{on_cluster}};
DROP DATABASE IF EXISTS mart {{on_cluster}};
DROP DATABASE IF EXISTS clean {{on_cluster}};
DROP DATABASE IF EXISTS raw {{on_cluster}};
