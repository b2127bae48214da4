/** Version of the images that this package installs; equal to the version of the package. */
export const meshVersion = '0.1.0';
