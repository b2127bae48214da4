// An app of manifests that others have written: nothing in it knows the mesh.
const { App, Chart, Include } = require('cdk8s');

const app = new App();
new Include(new Chart(app, 'plain'), 'shop', { url: 'plain.yaml' });
app.synth();
